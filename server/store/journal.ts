// Runs and their events on disk.
// Must stay true: a resolved write survives a power cut; only the holder of the portal's lease writes; events are numbered without gaps.
import type { Selectable, Transaction } from 'kysely'
import { notFound, storageDamaged } from '../core/errors.ts'
import { type Journal, type Lease, LeaseLost, RunErased } from '../core/run/journal.ts'
import { owesRecount, type RunEvent, type RunRecord, type RunSnapshot } from '../core/run/run.ts'
import type { Database } from './database.ts'
import { createGroupCommit } from './group-commit.ts'
import type { RunTable, Schema } from './schema.ts'
import { orStorageFailure } from './storage-failure.ts'
import { parseEvent, parseRun } from './stored-json.ts'

/** Events read, or written by one statement, at a time. */
const PAGE = 500

/**
 * The fence. An update that changes nothing instead of a select: it locks the row, so that on PostgreSQL nobody can take the portal
 * over between this check and the commit.
 */
const demandLease = async (tx: Transaction<Schema>, { portalId, owner, fence }: Lease): Promise<void> => {
  const held = await tx
    .updateTable('lease')
    .set({ fence })
    .where('portal_id', '=', portalId)
    .where('owner', '=', owner)
    .where('fence', '=', fence)
    .returning('fence')
    .executeTakeFirst()
  if (held === undefined) throw new LeaseLost(portalId)
}

/** `after`: the newest sequence number so far. */
const insertEvents = async (
  tx: Transaction<Schema>,
  runId: string,
  after: number,
  events: readonly RunEvent[]
): Promise<void> => {
  const rows = events.map((event, index) => ({ run_id: runId, seq: after + index + 1, event: JSON.stringify(event) }))
  // Pages: engines limit the number of parameters of a statement.
  for (let from = 0; from < rows.length; from += PAGE) {
    await tx
      .insertInto('run_event')
      .values(rows.slice(from, from + PAGE))
      .execute()
  }
}

interface Creation {
  readonly lease: Lease
  readonly run: RunRecord
  readonly events: readonly RunEvent[]
}

interface Append {
  readonly lease: Lease
  readonly runId: string
  readonly events: readonly RunEvent[]
  readonly snapshot: RunSnapshot
}

/** Unix ms; null while the run goes on. */
const endOf = ({ finishedAt }: RunSnapshot): number | null => (finishedAt === null ? null : Date.parse(finishedAt))

const create = async (tx: Transaction<Schema>, { lease, run, events }: Creation): Promise<void> => {
  await demandLease(tx, lease)
  await tx
    .insertInto('run')
    .values({
      id: run.id,
      portal_id: run.portalId,
      operation: JSON.stringify(run.operation),
      started_by: JSON.stringify(run.startedBy),
      started_at: run.startedAt,
      status: run.snapshot.status,
      snapshot: JSON.stringify(run.snapshot),
      last_seq: events.length,
      cancel_requested: 0,
      recount_due: 0,
      retry_of: run.operation.retryOf ?? null,
      ended_at: endOf(run.snapshot)
    })
    .execute()
  await insertEvents(tx, run.id, 0, events)
}

const append = async (tx: Transaction<Schema>, { lease, runId, events, snapshot }: Append): Promise<void> => {
  await demandLease(tx, lease)
  const resumed = events.findLast(event => event.type === 'run.resumed')
  const run = await tx
    .updateTable('run')
    .set(eb => ({
      status: snapshot.status,
      snapshot: JSON.stringify(snapshot),
      last_seq: eb('last_seq', '+', events.length),
      ended_at: endOf(snapshot),
      keeping: 'whole' as const,
      recount_due: owesRecount(snapshot) ? 1 : 0,
      ...(resumed && { cancel_requested: 0 }),
      ...(resumed?.startedBy && { started_by: JSON.stringify(resumed.startedBy) })
    }))
    .where('id', '=', runId)
    .where('portal_id', '=', lease.portalId)
    .where('keeping', '!=', 'removed')
    .returning('last_seq')
    .executeTakeFirst()
  if (run === undefined) throw new RunErased(runId)
  await insertEvents(tx, runId, run.last_seq - events.length, events)
}

const sameWriter = (one: Append, other: Append): boolean =>
  one.runId === other.runId &&
  one.lease.portalId === other.lease.portalId &&
  one.lease.owner === other.lease.owner &&
  one.lease.fence === other.lease.fence

/** A run's appends that follow one another become one, with all their events and the newest snapshot. */
const joined = (items: readonly (Creation | Append)[]): (Creation | Append)[] => {
  const fewer: (Creation | Append)[] = []
  for (const item of items) {
    const last = fewer.at(-1)
    if (last !== undefined && 'runId' in last && 'runId' in item && sameWriter(last, item))
      fewer.splice(-1, 1, { ...item, events: [...last.events, ...item.events] })
    else fewer.push(item)
  }
  return fewer
}

const NO_RUN_AFTER = 'There is no run with the id that "after" names. Read the list from its beginning.'

/** `seq`: where an event should be. */
const gone = (runId: string, seq: number): Error =>
  storageDamaged(
    `Event ${seq} of run ${runId} is not there: the journal was compacted or deleted while it was read. Try again; if that does not help, restore the database from a backup.`
  )

/** Events behind `after`, with what the run itself says of its journal; that alone where there are none. */
const readPage = (db: Database, runId: string, after: number, first: number | undefined) =>
  orStorageFailure(
    db,
    db
      .selectFrom('run')
      .leftJoin('run_event', join =>
        join
          .onRef('run_event.run_id', '=', 'run.id')
          .on('run_event.seq', '>', after)
          .on(({ eb, or, ref }) =>
            first === undefined
              ? eb('run_event.seq', '>=', ref('run.first_seq'))
              : or([eb('run.first_seq', '=', first), eb('run_event.seq', '<', ref('run.first_seq'))])
          )
      )
      .select(['run.first_seq', 'run.last_seq', 'run_event.seq', 'run_event.event'])
      .where('run.id', '=', runId)
      .orderBy('run_event.seq')
      .limit(PAGE)
      .execute()
  )

/** A journal that is compacted meanwhile is read to its old end: what was replaced stays for a while. */
async function* readEvents(db: Database, runId: string): AsyncGenerator<RunEvent> {
  let first: number | undefined
  for (let after = 0; ; ) {
    const rows = await readPage(db, runId, after, first)
    const [run] = rows
    if (run === undefined && first === undefined) return
    if (run === undefined) throw gone(runId, after + 1)
    first ??= run.first_seq
    for (const { seq, event } of rows) {
      const next = Math.max(after + 1, first)
      if (seq === null || event === null) break
      if (seq !== next) throw gone(runId, next)
      after = seq
      yield parseEvent({ run_id: runId, seq, event })
    }
    const end = run.first_seq === first ? run.last_seq : run.first_seq - 1
    if (after >= end) return
    if (run.seq === null) throw gone(runId, after + 1)
  }
}

/** A run that is under way waits so long for another program's lock. */
const LOCK_PATIENCE_MS = 600_000

/**
 * Every promise may reject with STORAGE_FAILED, STORAGE_LOCKED or DATABASE_FAILED. `onDamaged` hears once of a run that cannot be read.
 * `stopping`: nothing waits for a lock any more.
 */
export const createJournal = (
  db: Database,
  onDamaged: (error: unknown) => void = () => undefined,
  stopping?: AbortSignal
): Journal => {
  const reported = new Set<string>()
  const read = <T>(query: { execute(): Promise<T[]> }): Promise<T[]> => orStorageFailure(db, query.execute())
  const kept = () => db.selectFrom('run').selectAll().where('keeping', '!=', 'removed')
  /** One run that cannot be read does not keep the others from being taken over. */
  const readable = (rows: readonly Selectable<RunTable>[]): RunRecord[] =>
    rows.flatMap(row => {
      try {
        return [parseRun(row)]
      } catch (error) {
        if (!reported.has(row.id)) onDamaged(error)
        reported.add(row.id)
        return []
      }
    })
  const commit = createGroupCommit<Creation | Append>(
    db,
    async (tx, items) => {
      for (const item of joined(items)) await ('run' in item ? create(tx, item) : append(tx, item))
    },
    // Somebody waits for the answer to a start, and can start again.
    item => ('run' in item || stopping?.aborted ? 0 : LOCK_PATIENCE_MS)
  )

  return {
    create: (lease, run, events) => commit({ lease, run, events }),
    append: (lease, runId, events, snapshot) => commit({ lease, runId, events, snapshot }),
    events: runId => readEvents(db, runId),
    async find(runId) {
      const [row] = await read(
        db.selectFrom('run').selectAll().where('id', '=', runId).where('keeping', '!=', 'removed')
      )
      return row === undefined ? undefined : parseRun(row)
    },
    async list(portalId, limit, after) {
      const runs = db
        .selectFrom('run')
        .where('portal_id', '=', portalId)
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
      const [last] = after === undefined ? [] : await read(runs.select('started_at').where('id', '=', after))
      if (after !== undefined && last === undefined) throw notFound(NO_RUN_AFTER)
      const rows = await read(
        runs
          .selectAll()
          .where('keeping', '!=', 'removed')
          .$if(last !== undefined, query =>
            query.where(({ eb, refTuple, tuple }) =>
              eb(refTuple('started_at', 'id'), '<', tuple(last?.started_at ?? 0, after ?? ''))
            )
          )
      )
      return rows.map(parseRun)
    },
    async remove(runId) {
      const removed = await read(
        db
          .updateTable('run')
          .set({ keeping: 'removed' })
          .where('id', '=', runId)
          .where('status', '!=', 'running')
          .where('keeping', '!=', 'removed')
          .returning('id')
      )
      return removed.length > 0
    },
    async retriedBy(runId) {
      const [row] = await read(
        db.selectFrom('run').select('id').where('retry_of', '=', runId).orderBy('started_at').limit(1)
      )
      return row?.id
    },
    async requestCancel(runId) {
      const asked = await read(
        db
          .updateTable('run')
          .set({ cancel_requested: 1 })
          .where('id', '=', runId)
          .where('status', '=', 'running')
          .returning('id')
      )
      return asked.length > 0
    },
    async cancelRequested(runId) {
      const [row] = await read(db.selectFrom('run').select('cancel_requested').where('id', '=', runId))
      return row?.cancel_requested === 1
    },
    unfinished: async () =>
      readable(await read(kept().where('status', '=', 'running').orderBy('started_at').orderBy('id'))),
    recountsDue: async () =>
      readable(await read(kept().where('recount_due', '=', 1).orderBy('started_at').orderBy('id'))),
    async recounted(runId) {
      await read(db.updateTable('run').set({ recount_due: 0 }).where('id', '=', runId).returning('id'))
    }
  }
}
