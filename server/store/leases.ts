// Who may drive a portal: one row a portal, taken and renewed by conditional updates.
// Must stay true: every statement re-checks its condition, so that two processes can never both succeed; the fence only grows.
import { type Lease, LeaseLost, type Leases } from '../core/journal.ts'
import type { Database } from './database.ts'
import { asStorageFailure } from './storage-failure.ts'

export interface LeaseOptions {
  /** `<host name>:<pid>:<start id>` of this process. */
  readonly owner: string
  /** Milliseconds. */
  readonly ttl: number
  /** Unix ms. */
  readonly now: () => number
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean
}

/** Nobody's: matches no owner, and was over before it began. */
const FREE = { owner: '', expires_at: 0 }

/** Every promise may reject with STORAGE_FAILED. */
export const createLeases = (db: Database, { owner, ttl, now, isAlive }: LeaseOptions): Leases => {
  const [host, pid] = owner.split(':')

  /** Its process is certainly gone: dead on this machine, or an earlier process that had our own pid (containers). */
  const isDead = (holder: string): boolean => {
    const [holderHost, holderPid] = holder.split(':')
    if (holder === owner || holderHost !== host) return false
    return holderPid === pid || !isAlive(Number(holderPid))
  }

  const acquire = async (portalId: string): Promise<Lease | null> => {
    // The row stays for ever, so that its fence never starts anew.
    await db
      .insertInto('lease')
      .values({ portal_id: portalId, fence: 0, ...FREE })
      .onConflict(conflict => conflict.column('portal_id').doNothing())
      .execute()
    const seen = await db.selectFrom('lease').selectAll().where('portal_id', '=', portalId).executeTakeFirstOrThrow()
    if (seen.expires_at > now() && !isDead(seen.owner)) return null
    const taken = await db
      .updateTable('lease')
      .set({ owner, fence: seen.fence + 1, expires_at: now() + ttl })
      .where('portal_id', '=', portalId)
      .where('fence', '=', seen.fence)
      .where('expires_at', '=', seen.expires_at) // it was not renewed meanwhile
      .returning('fence')
      .executeTakeFirst()
    return taken === undefined ? null : { portalId, owner, fence: taken.fence }
  }

  /** Changes the lease's row if it is still the one. @returns whether it was */
  const change = async (lease: Lease, values: { expires_at: number; owner?: string }): Promise<boolean> => {
    const changed = await db
      .updateTable('lease')
      .set(values)
      .where('portal_id', '=', lease.portalId)
      .where('owner', '=', lease.owner)
      .where('fence', '=', lease.fence)
      .returning('fence')
      .executeTakeFirst()
    return changed !== undefined
  }

  const orStorageFailure = <T>(work: Promise<T>): Promise<T> =>
    work.catch(error => {
      throw asStorageFailure(error)
    })

  return {
    ttl,
    acquire: portalId => orStorageFailure(acquire(portalId)),
    async renew(lease) {
      if (!(await orStorageFailure(change(lease, { expires_at: now() + ttl })))) throw new LeaseLost(lease.portalId)
    },
    async release(lease) {
      await orStorageFailure(change(lease, FREE))
    }
  }
}
