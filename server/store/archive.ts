// The steps by which runs that are over take less room, and go.
// Must stay true: every step is one transaction of bounded size that checks its own conditions; several processes may take steps at once.
import type { Kysely, Transaction } from 'kysely'
import type { Archive, EndedRun } from '../core/run/keeping.ts'
import { type Database, isShared } from './database.ts'
import { pack } from './packed.ts'
import type { Keeping, Schema } from './schema.ts'
import { giveBackPages } from './shrink.ts'
import { orStorageFailure } from './storage-failure.ts'

/** In the history. */
const KEPT: readonly Keeping[] = ['whole', 'replaced', 'compact']
/** Portals that have too many runs, looked after in one step. */
const PORTALS = 10
/** Pages are given back in portions, and only where that is worth it (1 MB). */
const PAGES = 64
const WORTH_PAGES = 256

const deleteEvents = async (tx: Transaction<Schema>, runId: string, below: number, limit: number): Promise<bigint> => {
  const { numDeletedRows } = await tx
    .deleteFrom('run_event')
    .where('run_id', '=', runId)
    .where('seq', 'in', query =>
      query
        .selectFrom('run_event')
        .select('seq')
        .where('run_id', '=', runId)
        .where('seq', '<', below)
        .orderBy('seq')
        .limit(limit)
    )
    .executeTakeFirst()
  return numDeletedRows
}

/** What compaction has replaced. */
const cleanReplaced = async (tx: Transaction<Schema>, rows: number): Promise<boolean> => {
  const run = await tx
    .selectFrom('run')
    .select(['id', 'first_seq'])
    .where('keeping', '=', 'replaced')
    .orderBy('ended_at')
    .limit(1)
    .executeTakeFirst()
  if (run === undefined) return false
  if ((await deleteEvents(tx, run.id, run.first_seq, rows)) < rows) {
    await tx
      .updateTable('run')
      .set({ keeping: 'compact' })
      .where('id', '=', run.id)
      .where('keeping', '=', 'replaced')
      .execute()
  }
  return true
}

/**
 * A removed run. Not while a later try of its rows is there, which needs this journal, nor while the run whose rows it tried
 * is in the history: that one has to know that they were tried.
 */
const cleanRemoved = async (tx: Transaction<Schema>, rows: number): Promise<boolean> => {
  const run = await tx
    .selectFrom('run')
    .select(['id', 'last_seq'])
    .where('keeping', '=', 'removed')
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('run as later').select('later.id').whereRef('later.retry_of', '=', 'run.id')))
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('run as earlier')
            .select('earlier.id')
            .whereRef('earlier.id', '=', 'run.retry_of')
            .where('earlier.keeping', 'in', KEPT)
        )
      )
    )
    .limit(1)
    .executeTakeFirst()
  if (run === undefined) return false
  if ((await deleteEvents(tx, run.id, run.last_seq + 1, rows)) < rows)
    await tx.deleteFrom('run').where('id', '=', run.id).where('keeping', '=', 'removed').execute()
  return true
}

const replace = async (tx: Transaction<Schema>, { id, lastSeq }: EndedRun, stored: readonly object[]) => {
  const run = await tx
    .updateTable('run')
    .set({ keeping: 'replaced', first_seq: lastSeq + 1, last_seq: lastSeq + stored.length })
    .where('id', '=', id)
    .where('last_seq', '=', lastSeq)
    .where('keeping', '=', 'whole')
    .where('status', '!=', 'running')
    .returning('id')
    .executeTakeFirst()
  if (run === undefined) return false
  for (const [index, event] of stored.entries()) {
    const row = { run_id: id, seq: lastSeq + 1 + index, event: JSON.stringify(event) }
    await tx.insertInto('run_event').values(row).execute()
  }
  return true
}

/** Runs of portals that have more than `most`, the oldest of them. */
const surplus = async (db: Kysely<Schema>, most: number, limit: number): Promise<string[]> => {
  const portals = await db
    .selectFrom('run')
    .select('portal_id')
    .where('keeping', 'in', KEPT)
    .groupBy('portal_id')
    .having(({ fn }) => fn.countAll(), '>', most)
    .limit(PORTALS)
    .execute()
  const ids: string[] = []
  for (const { portal_id } of portals) {
    const runs = await db
      .selectFrom('run')
      .select('id')
      .where('portal_id', '=', portal_id)
      .where('keeping', 'in', KEPT)
      .where('status', '!=', 'running')
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .offset(most)
      .execute()
    ids.push(...runs.map(({ id }) => id))
  }
  return ids
}

/** Runs that ended before a moment, or are more than `most` of their portal. */
const expired = async (db: Kysely<Schema>, before: number, most: number, limit: number): Promise<string[]> => {
  const old = await db
    .selectFrom('run')
    .select('id')
    .where('keeping', 'in', KEPT)
    .where('ended_at', '<', before)
    .orderBy('ended_at')
    .limit(limit)
    .execute()
  return [...old.map(({ id }) => id), ...(await surplus(db, most, limit))].slice(0, limit)
}

const markRemoved = async (tx: Transaction<Schema>, ids: readonly string[]): Promise<number> => {
  const { numUpdatedRows } = await tx
    .updateTable('run')
    .set({ keeping: 'removed' })
    .where('id', 'in', ids)
    .where('keeping', 'in', KEPT)
    // One that has just gone on is not over.
    .where('status', '!=', 'running')
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Whether a run may have events that nobody needs any more. */
const isDirty = async (db: Kysely<Schema>): Promise<boolean> => {
  const dirty = db.selectFrom('run').select('id').where('keeping', 'in', ['replaced', 'removed']).limit(1)
  return (await dirty.execute()).length > 0
}

/** Every promise may reject with STORAGE_FAILED or DATABASE_FAILED. */
export const createArchive = (db: Database): Archive => {
  const inTransaction = <T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> =>
    orStorageFailure(db, db.transaction().execute(work))
  return {
    async compactable(before, limit) {
      const rows = await orStorageFailure(
        db,
        db
          .selectFrom('run')
          .select(['id', 'last_seq'])
          .where('keeping', '=', 'whole')
          .where('ended_at', '<', before)
          .orderBy('ended_at')
          .limit(limit)
          .execute()
      )
      return rows.map(row => ({ id: row.id, lastSeq: row.last_seq }))
    },
    replace: (run, events) => inTransaction(tx => replace(tx, run, events.map(pack))),
    // It is looked first: where nothing is due, as mostly, nobody is kept waiting by a transaction.
    async expire(before, most, limit) {
      const ids = await orStorageFailure(db, expired(db, before, most, limit))
      return ids.length === 0 ? 0 : inTransaction(tx => markRemoved(tx, ids))
    },
    async clean(rows) {
      if (!(await orStorageFailure(db, isDirty(db)))) return false
      return inTransaction(async tx => (await cleanReplaced(tx, rows)) || (await cleanRemoved(tx, rows)))
    },
    // PostgreSQL does so by itself (autovacuum).
    shrink: () => (isShared(db) ? Promise.resolve(false) : orStorageFailure(db, giveBackPages(db, PAGES, WORTH_PAGES)))
  }
}
