// A client that acts with a person's tokens, on a portal that may be renamed.
// Must stay true: a request is repeated only after an answer which says that nothing was executed: twice for an expired token, once for a move;
// all of it within the time that one answer is waited for, so that nothing leaves when another process may drive the portal already.
import { ApiVersion, HttpV2 } from '@bitrix24/b24jssdk'
import { PortalFailure } from '../core/portal.ts'
import {
  type ClientOptions,
  createTransport,
  giveUpAt,
  type RawReply,
  type RestClient,
  unrestricted
} from './client.ts'
import { parseJson, readBatch, readErrorEnvelope } from './reply.ts'

/** Where and as whom to call; every member may throw a PortalFailure. */
export interface Access {
  /** The portal's origin now. */
  origin(): Promise<string>
  /** An access token. */
  token(): Promise<string>
  /** A token that replaces a refused one. */
  renew(refused: string): Promise<string>
  /** The portal says that it is at another address now. @returns its origin, if that is allowed */
  moved(address: string): Promise<string | undefined>
  /** At its new origin it took the token: whoever only points at another portal does not get that one's place. */
  settled(origin: string): Promise<void>
}

/** The SDK's authorization, emptied: the token goes with each request, because several may be under way with different ones. */
const noActions = (endpoint: Map<ApiVersion, string>) => ({
  // 'hook' keeps the SDK from adding a token of its own (abstract-http.mjs, _prepareParams).
  getAuthData: () => ({
    access_token: '',
    refresh_token: 'hook',
    expires: 0,
    expires_in: 0,
    domain: '',
    member_id: ''
  }),
  refreshAuth: (): Promise<never> => Promise.reject(new Error('The SDK does not refresh tokens here')),
  getUniq: (prefix: string) => prefix,
  isAdmin: false,
  getTargetOrigin: () => endpoint.get(ApiVersion.v2) ?? '',
  getTargetOriginWithPath: () => endpoint
})

/** A request may wait at the portal for so long that the new token ends before it is looked at. */
const RENEWALS = 2

const isExpired = ({ status, body }: RawReply): boolean =>
  status === 401 && readErrorEnvelope(parseJson(body))?.code === 'expired_token'

const movedTo = ({ status, location }: RawReply, origin: string): string | undefined => {
  if (status < 300 || status >= 400 || location === undefined || !URL.canParse(location, origin)) return undefined
  const target = new URL(location, origin)
  return target.origin === origin ? undefined : target.href
}

const refusedThere = (host: string): PortalFailure =>
  new PortalFailure(
    'blocked',
    'PORTAL_MOVED',
    `The portal has moved to ${host}, which does not take the access of the application. Open the application there.`,
    { applied: 'unknown' }
  )

export const createOAuthClient = (access: Access, options: ClientOptions): RestClient => {
  const transports = new Map<string, ReturnType<typeof createTransport>>()

  const transportTo = (origin: string) => {
    const known = transports.get(origin)
    if (known !== undefined) return known
    const endpoint = new Map([[ApiVersion.v2, `${origin}/rest`]])
    const made = createTransport(new HttpV2(noActions(endpoint), null, unrestricted()), options)
    transports.set(origin, made)
    return made
  }

  return {
    async batch(cmd, { halt }) {
      const until = giveUpAt(options)
      let origin = await access.origin()
      let token = await access.token()
      const send = async (): Promise<RawReply> => {
        const reply = await transportTo(origin).post({ halt: halt ? 1 : 0, cmd, auth: token }, until)
        return { ...reply, body: reply.body.replaceAll(token, '***') }
      }
      let reply = await send()
      const address = movedTo(reply, origin)
      if (address !== undefined) {
        const target = await access.moved(address)
        if (target === undefined) {
          const { host } = new URL(address)
          throw new PortalFailure(
            'blocked',
            'PORTAL_MOVED',
            `The portal has moved to ${host}, which is not allowed here. Add it to BITRIX_PORTAL_HOSTS.`,
            { applied: 'unknown' }
          )
        }
        origin = target
        reply = await send()
      }
      for (let renewals = 0; renewals < RENEWALS && isExpired(reply); renewals += 1) {
        token = await access.renew(token)
        reply = await send()
      }
      // Said by somebody whom the portal points at: no word of the portal itself about the access.
      if (address !== undefined && reply.status === 401) throw refusedThere(new URL(origin).host)
      if (address !== undefined && reply.status === 200 && readBatch(parseJson(reply.body)) !== undefined) {
        // What cannot be remembered now is found again by the next request.
        await access.settled(origin).catch(() => undefined)
      }
      return reply
    },
    close() {
      for (const transport of transports.values()) transport.close()
    }
  }
}
