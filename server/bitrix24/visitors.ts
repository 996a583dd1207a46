// Who is at the door: a handshake is proven at the authorization server, then the portal says who the person is.
// Must stay true: every claimed field is part of what is remembered, so that a proof counts for exactly the claim it was made for.
import { createHash } from 'node:crypto'
import type { Person } from '../core/application.ts'
import type { Channel } from '../core/channel.ts'
import type { Clock } from '../core/clock.ts'
import { AppError, grantRefused } from '../core/errors.ts'
import { PortalFailure } from '../core/portal.ts'
import type { Authorization, Claim, Grant } from './authorization.ts'
import { createGate, type Gate } from './gate.ts'
import { type Identity, readIdentity } from './identity.ts'

/** How long a proof, and what the portal said of a person, are believed. */
const REMEMBER_MS = 5 * 60_000
/** A claim that was refused is not asked about again for so long. */
const REFUSED_MS = 60_000
const MOST = 1000
/** Somebody waits before an empty frame: a portal is asked who they are for no longer than this. */
const ASK_MS = 10_000
/** Portals that nobody has installed us in: anybody can name any number of them. */
const STRANGERS = { together: 4, aMinute: 30, inLine: 16 }
/** A portal that is known, whose name its people can misuse; others do not feel it. */
const KNOWN = { together: 10, aMinute: 300, inLine: 100 }
/** The access is gone for good (protocol.md, 6.5 and 1.7): only its owner can bring another, by opening the application. */
const LOST_ACCESS = new Set([
  'INVALID_GRANT',
  'invalid_token',
  'NO_AUTH_FOUND',
  'authorization_error',
  'user_access_error',
  'allowed_only_intranet_user',
  'APPLICATION_NOT_FOUND',
  'NOT_INSTALLED',
  'ERROR_OAUTH'
])

/** The portal, or the authorization server, does not take this person's access any more. What merely failed says nothing. */
export const isLostAccess = (error: unknown): boolean => error instanceof PortalFailure && LOST_ACCESS.has(error.code)

/** A map that forgets by time (steady ms) and by size. */
const createMemory = <T>(now: () => number, life: number) => {
  const kept = new Map<string, { readonly memberId: string; readonly value: T; readonly until: number }>()
  return {
    get(key: string): T | undefined {
      const found = kept.get(key)
      return found !== undefined && found.until > now() ? found.value : undefined
    },
    set(key: string, memberId: string, value: T): void {
      kept.delete(key)
      kept.set(key, { memberId, value, until: now() + life })
      for (const oldest of kept.keys()) {
        if (kept.size <= MOST) break
        kept.delete(oldest)
      }
    },
    delete: (key: string) => kept.delete(key),
    forget(memberId: string): void {
      for (const [key, entry] of kept) if (entry.memberId === memberId) kept.delete(key)
    }
  }
}

export interface Proof {
  readonly grant: Grant
  readonly person: Person
  /** The portal's clock, unix ms, where it was asked and told. */
  readonly portalNow: number | undefined
}

/** Whoever was asked about at the portal just now. */
export interface Found {
  readonly person: Person
  /** The portal's clock, unix ms, where it told. */
  readonly portalNow: number | undefined
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

export interface ProveOptions {
  /** The application is, or was, installed in this portal. */
  readonly known: boolean
  /** Server and portal are asked even if they have just answered. */
  readonly anew?: boolean
}

export const createVisitors = ({ authorization, clock, withToken }: VisitorsDeps) => {
  const grants = createMemory<Grant>(clock.steady, REMEMBER_MS)
  const people = createMemory<Person>(clock.steady, REMEMBER_MS)
  const refusals = createMemory<AppError>(clock.steady, REFUSED_MS)
  const strangers = createGate(clock, STRANGERS)
  const gates = new Map<string, Gate>()

  const gateOf = (memberId: string, known: boolean): Gate => {
    if (!known) return strangers
    const gate = gates.get(memberId) ?? createGate(clock, KNOWN)
    gates.set(memberId, gate)
    return gate
  }

  const proveGrant = async (claim: Claim, { known, anew = false }: ProveOptions): Promise<Grant> => {
    const { domain, memberId, accessToken, serverEndpoint = '' } = claim
    const key = createHash('sha256')
      .update(JSON.stringify([domain, memberId, accessToken, serverEndpoint]))
      .digest('hex')
    const remembered = anew ? undefined : grants.get(key)
    if (remembered !== undefined) return remembered
    const refusal = refusals.get(key)
    if (refusal !== undefined) throw refusal
    try {
      authorization.demandAllowed(claim)
      const grant = await gateOf(memberId, known)(() => authorization.verify(claim))
      grants.set(key, memberId, grant)
      return grant
    } catch (error) {
      if (error instanceof AppError && error.code === 'GRANT_REFUSED') refusals.set(key, memberId, error)
      throw error
    }
  }

  const identityOf = async (channel: Channel): Promise<Identity> => {
    const over = new AbortController()
    const late = clock.sleep(ASK_MS, over.signal).then(() => {
      throw new PortalFailure('lost', 'TIMED_OUT', `${channel.portal.host} did not answer in time. Try again later.`)
    })
    const asked = readIdentity({ execute: commands => channel.execute(commands, { signal: over.signal }) })
    return Promise.race([asked, late]).finally(() => over.abort())
  }

  const ask = async (memberId: string, userId: string, channel: Channel): Promise<Found> => {
    const key = `${memberId}/${userId}`
    // What is believed of them ends with the question: an answer that does not come leaves nothing to fall back to.
    people.delete(key)
    const identity = await identityOf(channel)
    if (identity.userId !== userId) throw grantRefused('The portal and the authorization server name different people.')
    const person = { userId, name: identity.person === '' ? `ID ${userId}` : identity.person, admin: identity.admin }
    people.set(key, memberId, person)
    return { person, portalNow: identity.portalNow }
  }

  return {
    /** @throws {AppError, PortalFailure} */
    async prove(claim: Claim, options: ProveOptions): Promise<Proof> {
      const { memberId, accessToken } = claim
      const grant = await proveGrant(claim, options)
      const person = options.anew === true ? undefined : people.get(`${memberId}/${grant.userId}`)
      if (person !== undefined) return { grant, person, portalNow: undefined }
      const found = await withToken(memberId, grant, accessToken, channel => ask(memberId, grant.userId, channel))
      return { grant, ...found }
    },
    /** Asks the portal anew about a person whose tokens are stored. @throws {AppError, PortalFailure} */
    ask,
    /** Asks the portal; where it does not answer, nothing says that the access is lost. */
    haveAccess: (memberId: string, userId: string, channel: Channel): Promise<boolean> =>
      ask(memberId, userId, channel).then(
        () => true,
        error => !isLostAccess(error)
      ),
    forget(memberId: string): void {
      grants.forget(memberId)
      people.forget(memberId)
      gates.delete(memberId)
    }
  }
}
