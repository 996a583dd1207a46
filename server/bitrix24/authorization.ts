// The authorization servers: what a token stands for, and new tokens for old ones (protocol.md, 6.3 and 6.4).
// Must stay true: only servers of the allow-list are ever asked; no redirect is followed; no address that a request names is contacted.
import { z } from 'zod'
import { grantRefused, portalUnavailable } from '../core/errors.ts'
import { Tokens } from '../core/installation.ts'
import { PortalFailure } from '../core/portal.ts'
import { allowedHost, allowedOrigin } from '../core/portal-hosts.ts'
import { grantEnded } from './failures.ts'
import { parseJson, readErrorEnvelope } from './reply.ts'

const VERIFY_MS = 10_000
/** Well below the 15 s that the lease on the tokens lives: it also covers what is read before and written after. */
const REFRESH_MS = 8000
const MAX_REPLY_BYTES = 64 * 1024
/** Of an allow-list in the log, letters. */
const LONGEST_LIST = 500

export interface AuthorizationOptions {
  readonly clientId: string
  readonly clientSecret: { reveal(): string }
  /** Origins of authorization servers. */
  readonly oauthUrls: readonly string[]
  readonly portalHosts: readonly string[]
  readonly fetch: typeof fetch
  /** Unix ms. */
  readonly now: () => number
}

/** What a request claims. */
export interface Claim {
  readonly domain: string
  readonly memberId: string
  readonly accessToken: string
  readonly serverEndpoint: string | undefined
}

/** What the authorization server confirmed. */
export interface Grant {
  /** Of the portal. */
  readonly origin: string
  /** The server that knows it. */
  readonly authorization: string
  readonly userId: string
  readonly scope: readonly string[]
  /** When the access token ends, unix ms; undefined when the server did not say. */
  readonly expiresAt: number | undefined
  /** The server's clock when it answered, unix ms; undefined when it did not say. */
  readonly answeredAt: number | undefined
}

export interface Refreshed {
  readonly tokens: Tokens
  /** The portal's origin, where the server named one that is allowed. */
  readonly origin: string | undefined
}

export interface Authorization {
  /** Asks nobody. @throws {AppError} GRANT_REFUSED when the claimed portal or server is not on the lists */
  demandAllowed(claim: Claim): void
  /** Does the same first. @throws {AppError} GRANT_REFUSED, or the server's failure */
  verify(claim: Claim): Promise<Grant>
  /** Uses up the refresh token. @throws {PortalFailure} blocked INVALID_GRANT and others */
  refresh(server: string, memberId: string, tokens: Tokens): Promise<Refreshed>
}

const text = z.union([z.string(), z.number()]).transform(String)
const names = z
  .string()
  .transform(list => list.split(',').map(name => name.trim().toLowerCase()))
  .catch([])
const appInfo = z.object({
  result: z.object({
    client_id: text,
    scope: names,
    /** A date and not a life: it says the same however often, and however late, a token is shown. */
    expires: z.iso.datetime({ offset: true }).transform(Date.parse).optional().catch(undefined),
    user_id: text.pipe(z.string().regex(/^[1-9]\d{0,14}$/)),
    install: z.object({ member_id: z.string(), client_endpoint: z.string(), scope: names })
  })
})
const tokenReply = z.object({
  access_token: z.string().min(8),
  refresh_token: z.string().min(8),
  expires: z.coerce.number().positive().optional().catch(undefined),
  expires_in: z.coerce.number().positive().catch(3600),
  member_id: z.string(),
  user_id: text.optional(),
  client_endpoint: z.string().optional()
})

interface Reply {
  readonly status: number
  /** Undefined: too large, or no JSON. */
  readonly body: unknown
  /** The server's clock, unix ms. */
  readonly date: number | undefined
}

/** The text of an answer (decompressed); undefined when it has more bytes than it may: the rest is not read. */
const readLimited = async (response: Response): Promise<string | undefined> => {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    // Leaving the loop cancels the stream, and with it the connection.
    if (size > MAX_REPLY_BYTES) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

const dateOf = ({ headers }: Response): number | undefined => {
  const date = Date.parse(headers.get('date') ?? '')
  return Number.isFinite(date) ? date : undefined
}

const refreshFailure = ({ status, body }: Reply): PortalFailure => {
  const code = readErrorEnvelope(body)?.code ?? ''
  if (code === 'invalid_grant') return grantEnded()
  if (code === '' || status >= 500) {
    // The portal refused the expired token, so nothing was executed there: the request can wait.
    return new PortalFailure(
      'unreachable',
      'AUTHORIZATION_FAILED',
      `The authorization server of Bitrix24 did not answer properly (HTTP ${status}).`
    )
  }
  return new PortalFailure(
    'blocked',
    code,
    `Bitrix24 does not renew the access of the application (${code}). Check BITRIX_CLIENT_ID and BITRIX_CLIENT_SECRET, and that the application is installed and the portal's subscription has not ended.`
  )
}

export const createAuthorization = (options: AuthorizationOptions): Authorization => {
  const { clientId, clientSecret, oauthUrls, portalHosts, now } = options

  /** `server` is an origin of the list, whatever is asked. The error of a failed fetch holds the address, so it stays here. */
  const ask = async (server: string, path: string, init: RequestInit): Promise<Reply | undefined> => {
    try {
      const response = await options.fetch(`${server}${path}`, { ...init, redirect: 'manual' })
      const text = await readLimited(response)
      const body = text === undefined ? undefined : parseJson(text)
      return { status: response.status, body, date: dateOf(response) }
    } catch {
      return undefined
    }
  }

  /** The server that a request names, if it is on the list; all of them when it names none. */
  const serversFor = (endpoint: string | undefined): readonly string[] => {
    if (endpoint === undefined) return oauthUrls
    const origin = URL.canParse(endpoint) ? new URL(endpoint).origin : ''
    // The parsed origin drops a user before the host; such an address is nobody's endpoint.
    const plain = URL.canParse(endpoint) && new URL(endpoint).username === '' && new URL(endpoint).password === ''
    if (plain && oauthUrls.includes(origin)) return [origin]
    throw grantRefused(
      'The authorization server that this request names is not allowed. If it is yours, add it to BITRIX_OAUTH_URLS, which replaces the built-in list.',
      undefined,
      oauthUrls.join(', ').slice(0, LONGEST_LIST)
    )
  }

  const domainOf = (claim: Claim): string => {
    const domain = allowedHost(claim.domain, portalHosts)
    if (domain !== undefined) return domain
    throw grantRefused(
      'This portal is not allowed here. If it is yours, add its host to BITRIX_PORTAL_HOSTS, which replaces the built-in list.',
      undefined,
      portalHosts.join(', ').slice(0, LONGEST_LIST)
    )
  }

  const check = (claim: Claim, authorization: string, { body, date }: Reply): Grant | undefined => {
    const domain = domainOf(claim)
    const parsed = appInfo.safeParse(body)
    if (!parsed.success) return undefined
    const { client_id, user_id, scope, install, expires } = parsed.data.result
    const origin = allowedOrigin(install.client_endpoint, portalHosts)
    if (client_id !== clientId) throw grantRefused('These are the tokens of another application.')
    if (install.member_id.toLowerCase() !== claim.memberId || origin === undefined || new URL(origin).host !== domain) {
      throw grantRefused('These are the tokens of another portal.')
    }
    const granted = install.scope.length > 0 ? install.scope : scope
    return { origin, authorization, userId: user_id, scope: granted, expiresAt: expires, answeredAt: date }
  }

  return {
    demandAllowed(claim) {
      domainOf(claim)
      serversFor(claim.serverEndpoint)
    },
    async verify(claim) {
      domainOf(claim)
      // In the body, as Bitrix24's own b24phpsdk does: addresses end up in logs.
      const question = {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify({ auth: claim.accessToken })
      }
      let failed = false
      for (const server of serversFor(claim.serverEndpoint)) {
        const signal = AbortSignal.timeout(VERIFY_MS)
        const inquire = () => ask(server, '/rest/app.info', { ...question, signal })
        // Asking twice does no harm: a connection that broke is worth another.
        const reply = (await inquire()) ?? (signal.aborted ? undefined : await inquire())
        // Errors may come with status 200 (trap 19).
        const refused = readErrorEnvelope(reply?.body) !== undefined
        const grant = reply?.status === 200 && !refused ? check(claim, server, reply) : undefined
        if (grant !== undefined) return grant
        failed ||= !refused || reply === undefined || reply.status >= 500
      }
      // One that did not answer may be the one that knows them.
      if (!failed) throw grantRefused('Bitrix24 does not know these tokens. Open the application in the portal again.')
      throw portalUnavailable(
        'AUTHORIZATION_UNREACHABLE',
        'The authorization server of Bitrix24 did not answer, so nobody can be let in. Try again in a moment.'
      )
    },
    async refresh(server, memberId, tokens) {
      // The list may have become shorter since the installation.
      if (!oauthUrls.includes(server)) {
        throw new PortalFailure(
          'blocked',
          'AUTHORIZATION_NOT_ALLOWED',
          'The authorization server of this portal is not in BITRIX_OAUTH_URLS any more. Add it, or open the application in the portal again.'
        )
      }
      const body = new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: clientId,
        client_secret: clientSecret.reveal(),
        refresh_token: tokens.refresh
      })
      const signal = AbortSignal.timeout(REFRESH_MS)
      const reply = await ask(server, '/oauth/token/', { method: 'POST', body, signal })
      if (reply === undefined) {
        throw new PortalFailure(
          'unreachable',
          'AUTHORIZATION_UNREACHABLE',
          'The authorization server of Bitrix24 did not answer.'
        )
      }
      // Here, too, errors may come with status 200.
      const parsed = readErrorEnvelope(reply.body) === undefined ? tokenReply.safeParse(reply.body) : undefined
      if (parsed?.success !== true) throw refreshFailure(reply)
      const { data } = parsed
      if (data.member_id.toLowerCase() !== memberId || (data.user_id ?? tokens.userId) !== tokens.userId) {
        throw new PortalFailure('blocked', 'FOREIGN_TOKENS', 'Bitrix24 answered with the tokens of somebody else.')
      }
      // The server's own date, as in `app.info`, so that both can be compared whatever our clock says.
      const expiresAt = data.expires === undefined ? now() + data.expires_in * 1000 : data.expires * 1000
      return {
        tokens: new Tokens(tokens.userId, data.access_token, data.refresh_token, expiresAt),
        origin: data.client_endpoint === undefined ? undefined : allowedOrigin(data.client_endpoint, portalHosts)
      }
    }
  }
}
