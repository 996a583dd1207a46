// People's tokens: read from the store, renewed when the portal says that they have expired.
// Must stay true: one refresh at a time per portal and person, in all processes; new tokens are saved before they are used.
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { Installation, InstallationStore, Tokens } from '../core/installation.ts'
import { PortalFailure } from '../core/portal.ts'
import type { Leases } from '../core/run/journal.ts'
import type { Authorization, Refreshed } from './authorization.ts'
import { grantEnded } from './failures.ts'

export interface TokenKeeperDeps {
  readonly store: InstallationStore
  readonly leases: Pick<Leases, 'acquire' | 'release'>
  readonly authorization: Pick<Authorization, 'refresh'>
  readonly clock: Clock
}

/** All methods throw {PortalFailure}: blocked NOT_INSTALLED, INVALID_GRANT, STORAGE_FAILED, DATABASE_FAILED, INTERNAL_ERROR, or unreachable. */
export interface TokenKeeper {
  /** The installation, while it lives. */
  installation(memberId: string): Promise<Installation>
  current(memberId: string, userId: string): Promise<Tokens>
  /** Tokens that replace a refused access token; refreshes only if nobody else has done it. */
  renew(memberId: string, userId: string, refused: string): Promise<Tokens>
}

/** What a refresh has made of a person's tokens. */
interface Swap {
  readonly old: Tokens
  readonly fresh: Tokens
}

/** How long to wait for another process that refreshes the same tokens. */
const PATIENCE_MS = 20_000
const LOOK_EVERY_MS = 200

const notInstalled = (): PortalFailure =>
  new PortalFailure(
    'blocked',
    'NOT_INSTALLED',
    'The application is not installed in this portal any more. Install it again.'
  )

/** An error of ours must not look like one of the connection. Its text may hold a secret. */
const asFailure = (error: unknown): PortalFailure => {
  if (error instanceof PortalFailure) return error
  if (error instanceof AppError) return new PortalFailure('blocked', error.code, error.message, { cause: error })
  const text = 'An error inside BitrixCorp kept it from the access of the application. Try again, or resume the run.'
  return new PortalFailure('blocked', 'INTERNAL_ERROR', text, { cause: error })
}

export const createTokenKeeper = ({ store, leases, authorization, clock }: TokenKeeperDeps): TokenKeeper => {
  const flights = new Map<string, Promise<Tokens>>()
  /** Refreshed, but the store did not take them: the old ones are used up, so these must not get lost. */
  const unsaved = new Map<string, Swap>()

  const save = async (memberId: string, swap: Swap): Promise<void> => {
    const key = `${memberId}/${swap.old.userId}`
    unsaved.set(key, swap)
    await store.replaceTokens(memberId, swap.old, swap.fresh)
    if (unsaved.get(key) === swap) unsaved.delete(key)
  }

  const installation = async (memberId: string): Promise<Installation> => {
    const found = await store.find(memberId)
    if (found === undefined || found.status === 'deleted') throw notInstalled()
    return found
  }
  const current = async (memberId: string, userId: string): Promise<Tokens> => {
    const waiting = unsaved.get(`${memberId}/${userId}`)
    if (waiting !== undefined) await save(memberId, waiting)
    await installation(memberId)
    const tokens = await store.tokens(memberId, userId)
    if (tokens === undefined) throw grantEnded()
    return tokens
  }

  const refresh = async (memberId: string, tokens: Tokens): Promise<Tokens> => {
    const { userId } = tokens
    const { authorization: server, origin } = await installation(memberId)
    let refreshed: Refreshed
    try {
      refreshed = await authorization.refresh(server, memberId, tokens)
    } catch (error) {
      if (!(error instanceof PortalFailure) || error.code !== 'INVALID_GRANT') throw error
      await store.replaceTokens(memberId, tokens)
      // A page may have been opened meanwhile and have brought new ones.
      const brought = await store.tokens(memberId, userId)
      if (brought !== undefined) return brought
      throw error
    }
    await save(memberId, { old: tokens, fresh: refreshed.tokens })
    if (refreshed.origin !== undefined && refreshed.origin !== origin) {
      await store.change(memberId, { origin: refreshed.origin })
    }
    return current(memberId, userId)
  }

  const renewOnce = async (memberId: string, userId: string, refused: string): Promise<Tokens> => {
    const giveUpAt = clock.steady() + PATIENCE_MS
    for (;;) {
      const lease = await leases.acquire(`tokens:${memberId}/${userId}`)
      try {
        const tokens = await current(memberId, userId)
        if (tokens.access !== refused) return tokens
        if (lease !== null) return await refresh(memberId, tokens)
      } finally {
        if (lease !== null) await leases.release(lease)
      }
      if (clock.steady() > giveUpAt) {
        throw new PortalFailure('unreachable', 'REFRESH_BUSY', 'Another process renews the access of the application.')
      }
      await clock.sleep(LOOK_EVERY_MS)
    }
  }

  const failing = <T>(work: Promise<T>): Promise<T> =>
    work.catch(error => {
      throw asFailure(error)
    })

  return {
    installation: memberId => failing(installation(memberId)),
    current: (memberId, userId) => failing(current(memberId, userId)),
    renew(memberId, userId, refused) {
      const key = `${memberId}/${userId}`
      const flight =
        flights.get(key) ??
        failing(renewOnce(memberId, userId, refused)).finally(() => {
          flights.delete(key)
        })
      flights.set(key, flight)
      return flight
    }
  }
}
