// Who is at the door: a handshake is proven at the authorization server, then the portal says who the person is.
// Must stay true: every claimed field is part of what is remembered, so that a proof counts for exactly the claim it was made for.
import { createHash } from 'node:crypto'
import type { Handshake, Person } from '../core/application.ts'
import type { Channel } from '../core/channel.ts'
import type { Clock } from '../core/clock.ts'
import { grantRefused } from '../core/errors.ts'
import { PortalFailure } from '../core/portal.ts'
import type { Authorization, Claim, Grant } from './authorization.ts'
import { type Identity, readIdentity } from './identity.ts'

/** How long a proof, and what the portal said of a person, are believed. */
const REMEMBER_MS = 5 * 60_000
const MOST = 1000
/** Somebody waits before an empty frame: a portal is asked who they are for no longer than this. */
const ASK_MS = 10_000
/** The access is gone for good (protocol.md, 6.5 and 1.7): only its owner can bring another, by opening the application. */
const LOST_ACCESS = new Set([
  'INVALID_GRANT',
  'invalid_token',
  'NO_AUTH_FOUND',
  'authorization_error',
  'user_access_error',
  'allowed_only_intranet_user'
])

/** A map that forgets by time (steady ms) and by size. */
const createMemory = <T>(now: () => number) => {
  const kept = new Map<string, { readonly memberId: string; readonly value: T; readonly until: number }>()
  return {
    get(key: string): T | undefined {
      const found = kept.get(key)
      return found !== undefined && found.until > now() ? found.value : undefined
    },
    set(key: string, memberId: string, value: T): void {
      kept.delete(key)
      kept.set(key, { memberId, value, until: now() + REMEMBER_MS })
      for (const oldest of kept.keys()) {
        if (kept.size <= MOST) break
        kept.delete(oldest)
      }
    },
    forget(memberId: string): void {
      for (const [key, entry] of kept) if (entry.memberId === memberId) kept.delete(key)
    }
  }
}

export interface Proof {
  readonly grant: Grant
  readonly person: Person
}

export interface VisitorsDeps {
  readonly authorization: Authorization
  readonly clock: Clock
  /** A channel that acts with a token which is not stored; `work` over, it is closed. */
  readonly withToken: <T>(
    memberId: string,
    grant: Grant,
    accessToken: string,
    work: (channel: Channel) => Promise<T>
  ) => Promise<T>
}

export const createVisitors = ({ authorization, clock, withToken }: VisitorsDeps) => {
  const grants = createMemory<Grant>(clock.steady)
  const people = createMemory<Person>(clock.steady)

  const proveGrant = async (claim: Claim, anew: boolean): Promise<Grant> => {
    const { domain, memberId, accessToken, serverEndpoint = '' } = claim
    const key = createHash('sha256')
      .update(JSON.stringify([domain, memberId, accessToken, serverEndpoint]))
      .digest('hex')
    const known = anew ? undefined : grants.get(key)
    if (known !== undefined) return known
    const grant = await authorization.verify(claim)
    grants.set(key, memberId, grant)
    return grant
  }

  const identityOf = async (channel: Channel): Promise<Identity> => {
    const over = new AbortController()
    const late = clock.sleep(ASK_MS, over.signal).then(() => {
      throw new PortalFailure('lost', 'TIMED_OUT', `${channel.portal.host} did not answer in time. Try again later.`)
    })
    const asked = readIdentity({ execute: commands => channel.execute(commands) })
    return Promise.race([asked, late]).finally(() => over.abort())
  }

  const ask = async (memberId: string, userId: string, channel: Channel): Promise<Person> => {
    const identity = await identityOf(channel)
    if (identity.userId !== userId) throw grantRefused('The portal and the authorization server name different people.')
    const person = { userId, name: identity.person === '' ? `ID ${userId}` : identity.person, admin: identity.admin }
    people.set(`${memberId}/${userId}`, memberId, person)
    return person
  }

  return {
    /** `anew`: server and portal are asked even if they have just answered. @throws {AppError, PortalFailure} */
    async prove(
      claim: Pick<Handshake, 'domain' | 'memberId' | 'accessToken' | 'serverEndpoint'>,
      { anew = false } = {}
    ): Promise<Proof> {
      const { memberId, accessToken } = claim
      const grant = await proveGrant(claim, anew)
      const known = anew ? undefined : people.get(`${memberId}/${grant.userId}`)
      const person =
        known ?? (await withToken(memberId, grant, accessToken, channel => ask(memberId, grant.userId, channel)))
      return { grant, person }
    },
    /** A person whose tokens are stored. @throws {AppError, PortalFailure} */
    recall: async (memberId: string, userId: string, channel: Channel): Promise<Person> =>
      people.get(`${memberId}/${userId}`) ?? (await ask(memberId, userId, channel)),
    /** Asks the portal; where it does not answer, nothing says that the access is lost. */
    async haveAccess(memberId: string, userId: string, channel: Channel): Promise<boolean> {
      try {
        await ask(memberId, userId, channel)
        return true
      } catch (error) {
        return !(error instanceof PortalFailure && LOST_ACCESS.has(error.code))
      }
    },
    forget(memberId: string): void {
      grants.forget(memberId)
      people.forget(memberId)
    }
  }
}
