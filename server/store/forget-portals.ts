// Forgets portals that are certainly no more: those of earlier demonstrations.
// Must stay true: only portals whose ids begin with the mark, and never while somebody drives one of them.
import type { Leases } from '../core/run/journal.ts'
import { type Database, isShared } from './database.ts'
import { orStorageFailure } from './storage-failure.ts'

/** Letters and digits. Where other machines use the database too, such a portal may be one of theirs: nothing is forgotten there. */
export interface Forgotten {
  readonly mark: string
  /** The portal of this process. */
  readonly current: string
}

const forget = async (db: Database, leases: Leases, { mark, current }: Forgotten): Promise<void> => {
  const portals = await db
    .selectFrom('run')
    .select('portal_id as id')
    .where('keeping', '!=', 'removed')
    .union(db.selectFrom('installation').select('member_id as id'))
    .execute()
  for (const { id } of portals) {
    if (!id.startsWith(mark) || id === current) continue
    const lease = await leases.acquire(id)
    if (lease === null) continue
    try {
      await db.updateTable('run').set({ keeping: 'removed' }).where('portal_id', '=', id).execute()
      await db.deleteFrom('installation').where('member_id', '=', id).execute()
    } finally {
      await leases.release(lease)
    }
    // Its id never comes again, so its fence need not be remembered.
    await db.deleteFrom('lease').where('portal_id', '=', id).where('owner', '=', '').execute()
  }
}

/** The runs go as other removed runs do, step by step. @throws {AppError} STORAGE_FAILED */
export const forgetPortals = (db: Database, leases: Leases, forgotten: Forgotten): Promise<void> =>
  isShared(db) ? Promise.resolve() : orStorageFailure(db, forget(db, leases, forgotten))
