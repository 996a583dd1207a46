// Who may call an emulated portal: people, incoming webhooks, applications and their tokens.
// Must stay true: refresh tokens work once; nothing is handed out without a person, and all of it lives in memory.
import { randomBytes } from 'node:crypto'
import { type Credential, type Person, RestError } from './method.ts'
import type { ReplacedToken } from './settings.ts'

export const PEOPLE: readonly Person[] = [
  { id: 1, name: 'Иван', lastName: 'Петров', admin: true, crm: 'full' },
  { id: 2, name: 'Мария', lastName: 'Соколова', admin: false, crm: 'full' },
  { id: 3, name: 'Олег', lastName: 'Лебедев', admin: false, crm: 'none' }
]

/** An application as credentials see it. */
export interface Application {
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: readonly string[]
  readonly installed: boolean
}

/** Where a portal and its authorization server are; the members of the same name on the wire. */
export interface Endpoints {
  /** The portal's host. */
  readonly domain: string
  readonly server_endpoint: string
  readonly client_endpoint: string
  readonly member_id: string
}

/** The answer of the token endpoint, as on the wire (protocol.md, 6.3). */
export interface TokenSet extends Endpoints {
  readonly access_token: string
  /** Unix seconds. */
  readonly expires: number
  readonly expires_in: number
  readonly scope: string
  /** The authorization server's host, not the portal's (trap 18). */
  readonly domain: string
  readonly status: 'L'
  readonly user_id: number
  readonly refresh_token: string
}

interface Grant {
  readonly application: Application
  readonly person: Person
}

interface AccessGrant extends Grant {
  /** Unix seconds. */
  expires: number
  /** `replaced`: its refresh token was used; `gone`: its application was deleted. */
  state: 'good' | 'revoked' | 'replaced' | 'gone'
}

interface RefreshGrant extends Grant {
  readonly expires: number
  /** Came together with it. */
  readonly accessToken: string
}

export interface CredentialsOptions {
  readonly people: readonly Person[]
  readonly tokenSeconds: () => number
  readonly replacedToken: () => ReplacedToken
  /** Known only once the portal listens; changes when it is renamed. */
  readonly endpoints: () => Endpoints
  /** Unix milliseconds. */
  readonly clock: () => number
}

const REFRESH_DAYS = 30 // in every recorded pair (protocol.md, trap 17)

const TOKEN_ERRORS = {
  NO_AUTH_FOUND: 'Wrong authorization data',
  invalid_token: 'Unable to get application by token',
  expired_token: 'The access token provided has expired.',
  APPLICATION_NOT_FOUND: 'Application not found'
} as const

const tokenError = (code: keyof typeof TOKEN_ERRORS) => new RestError(401, code, TOKEN_ERRORS[code])

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')

/** 70 hex digits that begin with the expiry, little-endian, as observed (protocol.md, 6.3). */
function token(expires: number, personId: number): string {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(expires >>> 0, 0)
  head.writeUInt32BE(personId, 4)
  return head.toString('hex') + hex(27)
}

export function createCredentials({ people, tokenSeconds, replacedToken, endpoints, clock }: CredentialsOptions) {
  const webhooks = new Map<string, Credential>()
  const applications = new Map<string, Application>()
  const access = new Map<string, AccessGrant>()
  const refresh = new Map<string, RefreshGrant>()

  const person = (id: number): Person => {
    const found = people.find(candidate => candidate.id === id)
    if (found === undefined) throw new RangeError(`The emulated portal has no person ${id}`)
    return found
  }
  const issue = (grant: Grant): TokenSet => {
    const now = Math.floor(clock() / 1000)
    const expires = now + tokenSeconds()
    const accessToken = token(expires, grant.person.id)
    const refreshToken = token(now + REFRESH_DAYS * 86_400, grant.person.id)
    access.set(accessToken, { ...grant, expires, state: 'good' })
    refresh.set(refreshToken, { ...grant, expires: now + REFRESH_DAYS * 86_400, accessToken })
    const { server_endpoint, client_endpoint, member_id } = endpoints()
    return {
      access_token: accessToken,
      expires,
      expires_in: tokenSeconds(),
      scope: grant.application.scope.join(','),
      domain: new URL(server_endpoint).host,
      server_endpoint,
      status: 'L',
      client_endpoint,
      member_id,
      user_id: grant.person.id,
      refresh_token: refreshToken
    }
  }
  /** @throws {RestError} 401 */
  const accessGrant = (accessToken: string | undefined): AccessGrant => {
    if (accessToken === undefined) throw tokenError('NO_AUTH_FOUND')
    const grant = access.get(accessToken)
    if (grant === undefined || grant.state === 'revoked') throw tokenError('invalid_token')
    if (grant.state === 'gone') throw tokenError('APPLICATION_NOT_FOUND')
    const replaced = replacedToken()
    if (grant.state === 'replaced' && replaced !== 'valid') throw tokenError(replaced)
    if (grant.expires * 1000 <= clock()) throw tokenError('expired_token')
    return grant
  }
  return {
    endpoints,
    person,
    /** Answers the secret of a new incoming webhook. */
    addWebhook(personId: number, scope: readonly string[]): string {
      const secret = hex(8)
      const id = String(webhooks.size + 1)
      webhooks.set(`${personId}/${secret}`, { type: 'webhook', id, scope, person: person(personId) })
      return secret
    },
    removeWebhook(secret: string): void {
      for (const key of webhooks.keys()) if (key.endsWith(`/${secret}`)) webhooks.delete(key)
    },
    /** Makes an application known: its client id can be granted tokens from now on. */
    admit(application: Application): void {
      applications.set(application.clientId, application)
    },
    issueTokens: (application: Application, personId: number) => issue({ application, person: person(personId) }),
    /** Makes an access token expired, as if its hour were over. */
    expireToken(accessToken: string): void {
      const grant = access.get(accessToken)
      if (grant !== undefined) grant.expires = 0
    },
    /** The same for every access token of an application. */
    expireTokens(application: Application): void {
      for (const grant of access.values()) if (grant.application === application) grant.expires = 0
    },
    /** Takes back everything that an application was granted: calls get invalid_token, refreshing invalid_grant. */
    revokeTokens(application: Application): void {
      for (const grant of access.values()) if (grant.application === application) grant.state = 'revoked'
      for (const [key, grant] of refresh) if (grant.application === application) refresh.delete(key)
    },
    /** A deleted application: its tokens count no more, and its client id is unknown. */
    dismiss(application: Application): void {
      applications.delete(application.clientId)
      for (const grant of access.values()) if (grant.application === application) grant.state = 'gone'
      for (const [key, grant] of refresh) if (grant.application === application) refresh.delete(key)
    },
    /** @throws {RestError} 401 */
    byWebhook(userId: string, secret: string): Credential {
      const credential = /^\d+$/.test(userId) ? webhooks.get(`${userId}/${secret}`) : undefined
      if (credential === undefined) throw new RestError(401, 'INVALID_CREDENTIALS', 'Invalid request credentials')
      return credential
    },
    /** @throws {RestError} 401 */
    byToken(accessToken: string | undefined): Credential {
      const { application, person: owner } = accessGrant(accessToken)
      return { type: 'application', id: application.clientId, scope: application.scope, person: owner }
    },
    /** What an access token stands for. @throws {RestError} 401 */
    accessGrant,
    hasAccessToken: (accessToken: string) => access.has(accessToken),
    hasRefreshToken: (refreshToken: string) => refresh.has(refreshToken),
    /** The secret of a known client id. */
    secretOf: (clientId: string) => applications.get(clientId)?.clientSecret,
    /** The refresh grant: the old refresh token is used up. @throws {RestError} as the authorization server answers */
    refreshTokens(clientId: string, refreshToken: string): TokenSet {
      const grant = refresh.get(refreshToken)
      if (grant === undefined || grant.expires * 1000 <= clock()) {
        throw new RestError(400, 'invalid_grant', '')
      }
      // Observed: a foreign client's mistake comes with status 200 (trap 19).
      if (grant.application.clientId !== clientId) throw new RestError(200, 'wrong_client', '')
      refresh.delete(refreshToken)
      const replaced = access.get(grant.accessToken)
      if (replaced?.state === 'good') replaced.state = 'replaced'
      return issue(grant)
    }
  }
}

export type Credentials = ReturnType<typeof createCredentials>
