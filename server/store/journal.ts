// Runs and their events on disk.
// Must stay true: a resolved write survives a power cut; what waits is written together in one transaction, in call order.
import type { Transaction } from 'kysely'
import { AppError, storageFailed } from '../core/errors.ts'
import { type Journal, type Lease, LeaseLost } from '../core/journal.ts'
import type { RunEvent, RunRecord, RunSnapshot } from '../core/run.ts'
import type { Database } from './database.ts'
import type { RunTable, Schema } from './schema.ts'

/** Events read at a time. */
const PAGE = 500

type Write = (tx: Transaction<Schema>) => Promise<void>

interface Waiting {
  readonly write: Write
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const asStorageError = (error: unknown): unknown =>
  error instanceof LeaseLost || error instanceof AppError ? error : storageFailed(error)

/** Runs writes that are called in the same turn, or while another transaction is under way, in one transaction. */
export const createGroupCommit = (db: Database): ((write: Write) => Promise<void>) => {
  let waiting: Waiting[] = []
  let writing = false

  const writeAlone = async ({ write, resolve, reject }: Waiting): Promise<void> => {
    await db
      .transaction()
      .execute(write)
      .then(resolve, error => reject(asStorageError(error)))
  }
  const writeGroup = async (group: readonly Waiting[]): Promise<void> => {
    try {
      await db.transaction().execute(async tx => {
        for (const { write } of group) await write(tx)
      })
    } catch {
      // Nothing of the group was written: one by one, so that only the failing ones fail.
      for (const each of group) await writeAlone(each)
      return
    }
    for (const { resolve } of group) resolve()
  }
  const drain = async (): Promise<void> => {
    writing = true
    await new Promise(resolve => setImmediate(resolve))
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      await writeGroup(group)
    }
    writing = false
  }

  return write =>
    new Promise((resolve, reject) => {
      waiting.push({ write, resolve, reject })
      if (!writing) void drain()
    })
}

const parseRun = (row: RunTable): RunRecord => ({
  id: row.id,
  portalId: row.portal_id,
  operation: JSON.parse(row.operation) as RunRecord['operation'], // written by us alone
  startedBy: JSON.parse(row.started_by) as RunRecord['startedBy'],
  startedAt: row.started_at,
  snapshot: JSON.parse(row.snapshot) as RunSnapshot
})

const parseEvent = (runId: string, seq: number, text: string): RunEvent => {
  const event: unknown = JSON.parse(text)
  if (typeof event === 'object' && event !== null && 'type' in event) return event as RunEvent // written by us alone
  throw new Error(`Event ${seq} of run ${runId} is damaged`)
}

export const createJournal = (db: Database): Journal => {
  const commit = createGroupCommit(db)

  const holdsLease = async (tx: Transaction<Schema>, lease: Lease): Promise<void> => {
    const held = await tx
      .selectFrom('lease')
      .select('fence')
      .where('portal_id', '=', lease.portalId)
      .where('owner', '=', lease.owner)
      .where('fence', '=', lease.fence)
      .executeTakeFirst()
    if (held === undefined) throw new LeaseLost(lease.portalId)
  }

  const insertEvents = async (
    tx: Transaction<Schema>,
    runId: string,
    after: number,
    events: readonly RunEvent[]
  ): Promise<void> => {
    const rows = events.map((event, index) => ({ run_id: runId, seq: after + index + 1, event: JSON.stringify(event) }))
    await tx.insertInto('run_event').values(rows).execute()
  }

  return {
    create: (lease, run, events) =>
      commit(async tx => {
        await holdsLease(tx, lease)
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
            last_seq: events.length
          })
          .execute()
        await insertEvents(tx, run.id, 0, events)
      }),
    append: (lease, runId, events, snapshot) =>
      commit(async tx => {
        await holdsLease(tx, lease)
        const { last_seq } = await tx
          .updateTable('run')
          .set(eb => ({
            status: snapshot.status,
            snapshot: JSON.stringify(snapshot),
            last_seq: eb('last_seq', '+', events.length)
          }))
          .where('id', '=', runId)
          .returning('last_seq')
          .executeTakeFirstOrThrow()
        await insertEvents(tx, runId, last_seq - events.length, events)
      }),
    async *events(runId) {
      for (let after = 0; ; ) {
        const rows = await db
          .selectFrom('run_event')
          .select(['seq', 'event'])
          .where('run_id', '=', runId)
          .where('seq', '>', after)
          .orderBy('seq')
          .limit(PAGE)
          .execute()
        for (const { seq, event } of rows) yield parseEvent(runId, seq, event)
        const last = rows.at(-1)
        if (last === undefined || rows.length < PAGE) return
        after = last.seq
      }
    },
    async find(runId) {
      const row = await db.selectFrom('run').selectAll().where('id', '=', runId).executeTakeFirst()
      return row === undefined ? undefined : parseRun(row)
    },
    async list(portalId, limit) {
      const rows = await db
        .selectFrom('run')
        .selectAll()
        .where('portal_id', '=', portalId)
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(parseRun)
    },
    async unfinished() {
      const rows = await db
        .selectFrom('run')
        .selectAll()
        .where('status', '=', 'running')
        .orderBy('started_at')
        .execute()
      return rows.map(parseRun)
    }
  }
}
