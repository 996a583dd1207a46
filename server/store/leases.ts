// Who may drive a portal: one row a portal, taken and renewed by conditional updates.
// Must stay true: every statement checks its condition itself, so that two processes can never both succeed; the fence only grows.
import { type RawBuilder, sql } from 'kysely'
import { type Lease, LeaseLost, type Leases } from '../core/run/journal.ts'
import { type Database, isShared } from './database.ts'
import { orStorageFailure } from './storage-failure.ts'

export interface LeaseOptions {
  /** `<machine>:<pid>:<start id>` of this process. */
  readonly owner: string
  /** Milliseconds. */
  readonly ttl: number
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean
  /** Unix ms; instead of the database's own clock, for a time that is not the real one. */
  readonly now?: () => number
}

/** Nobody's: matches no owner, and was over before it began. */
const FREE = { owner: '', expires_at: 0 }

/** Unix ms by the database's clock, the same for all machines that share it. */
const sharedNow = sql<number>`(extract(epoch from now()) * 1000)::bigint`
const embeddedNow = sql<number>`cast(unixepoch('subsec') * 1000 as integer)`

/** Every promise may reject with STORAGE_FAILED or DATABASE_FAILED. */
export const createLeases = (db: Database, { owner, ttl, isAlive, now }: LeaseOptions): Leases => {
  const [machine, pid] = owner.split(':')
  const shared = isShared(db)
  const time = (): RawBuilder<number> => (now === undefined ? (shared ? sharedNow : embeddedNow) : sql.lit(now()))
  const expiry = (): RawBuilder<number> => sql<number>`${time()} + ${sql.lit(ttl)}`

  /**
   * Its process is certainly gone: dead on this machine, or an earlier process that had our own pid (containers).
   * Said of the embedded storage only, which one machine has for itself: machines that share a database may have the same name.
   */
  const isDead = (holder: string): boolean => {
    const [holderMachine, holderPid] = holder.split(':')
    if (shared || holder === owner || holderMachine !== machine) return false
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
    const orphaned = isDead(seen.owner)
    const taken = await db
      .updateTable('lease')
      .set({ owner, fence: seen.fence + 1, expires_at: expiry() })
      .where('portal_id', '=', portalId)
      .where('fence', '=', seen.fence)
      // It has lapsed, and was not renewed meanwhile; the dead renew nothing.
      .$if(!orphaned, query => query.where('expires_at', '<=', time()))
      .returning('fence')
      .executeTakeFirst()
    return taken === undefined ? null : { portalId, owner, fence: taken.fence, ...(orphaned ? { orphaned } : {}) }
  }

  /** Changes the lease's row if it is still the one. @returns whether it was */
  const change = async (
    lease: Lease,
    values: { expires_at: number | RawBuilder<number>; owner?: string }
  ): Promise<boolean> => {
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

  return {
    ttl,
    acquire: portalId => orStorageFailure(db, acquire(portalId)),
    async renew(lease) {
      if (!(await orStorageFailure(db, change(lease, { expires_at: expiry() })))) throw new LeaseLost(lease.portalId)
    },
    async release(lease) {
      await orStorageFailure(db, change(lease, FREE))
    }
  }
}
