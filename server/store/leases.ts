// Who may drive a portal: one row a portal, taken and renewed by conditional updates.
// Must stay true: every statement re-checks its condition, so that two processes can never both succeed; the fence only grows.
import { type Lease, LeaseLost, type Leases } from '../core/journal.ts'
import type { Database } from './database.ts'

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

export const createLeases = (db: Database, { owner, ttl, now, isAlive }: LeaseOptions): Leases => {
  const [host, pid] = owner.split(':')

  /** Its process is certainly gone: dead on this machine, or an earlier process that had our own pid (containers). */
  const isDead = (holder: string): boolean => {
    const [holderHost, holderPid] = holder.split(':')
    if (holder === owner || holderHost !== host) return false
    return holderPid === pid || !isAlive(Number(holderPid))
  }

  return {
    ttl,
    async acquire(portalId) {
      await db
        .insertInto('lease')
        .values({ portal_id: portalId, owner: '', fence: 0, expires_at: 0 })
        .onConflict(conflict => conflict.column('portal_id').doNothing())
        .execute()
      const {
        owner: holder,
        fence,
        expires_at
      } = await db.selectFrom('lease').selectAll().where('portal_id', '=', portalId).executeTakeFirstOrThrow()
      if (expires_at > now() && !isDead(holder)) return null
      const taken = await db
        .updateTable('lease')
        .set({ owner, fence: fence + 1, expires_at: now() + ttl })
        .where('portal_id', '=', portalId)
        .where('fence', '=', fence)
        .where('expires_at', '=', expires_at)
        .returning('fence')
        .executeTakeFirst()
      return taken === undefined ? null : { portalId, owner, fence: taken.fence }
    },
    async renew(lease: Lease) {
      const renewed = await db
        .updateTable('lease')
        .set({ expires_at: now() + ttl })
        .where('portal_id', '=', lease.portalId)
        .where('owner', '=', lease.owner)
        .where('fence', '=', lease.fence)
        .returning('fence')
        .executeTakeFirst()
      if (renewed === undefined) throw new LeaseLost(lease.portalId)
    },
    async release(lease) {
      await db
        .updateTable('lease')
        .set({ expires_at: 0 })
        .where('portal_id', '=', lease.portalId)
        .where('owner', '=', lease.owner)
        .where('fence', '=', lease.fence)
        .execute()
    }
  }
}
