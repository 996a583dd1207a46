// Runs and their events on disk.
// Must stay true: a resolved write survives a power cut; only the holder of the portal's lease writes; events are numbered without gaps.
import type { Transaction } from 'kysely'
import { notFound } from '../core/errors.ts'
import { type Journal, type Lease, LeaseLost } from '../core/journal.ts'
import type { RunEvent, RunRecord, RunSnapshot } from '../core/run.ts'
import type { Database } from './database.ts'
import { createGroupCommit } from './group-commit.ts'
import type { Schema } from './schema.ts'
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
      last_seq: events.length
    })
    .execute()
  await insertEvents(tx, run.id, 0, events)
}

const append = async (tx: Transaction<Schema>, { lease, runId, events, snapshot }: Append): Promise<void> => {
  await demandLease(tx, lease)
  const run = await tx
    .updateTable('run')
    .set(eb => ({
      status: snapshot.status,
      snapshot: JSON.stringify(snapshot),
      last_seq: eb('last_seq', '+', events.length)
    }))
    .where('id', '=', runId)
    .where('portal_id', '=', lease.portalId)
    .returning('last_seq')
    .executeTakeFirst()
  if (run === undefined) throw notFound(`Portal ${lease.portalId} has no run ${runId} to append to.`)
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

export const createJournal = (db: Database): Journal => {
  const commit = createGroupCommit<Creation | Append>(db, async (tx, items) => {
    for (const item of joined(items)) await ('run' in item ? create(tx, item) : append(tx, item))
  })

  return {
    create: (lease, run, events) => commit({ lease, run, events }),
    append: (lease, runId, events, snapshot) => commit({ lease, runId, events, snapshot }),
    async *events(runId) {
      for (let after = 0; ; ) {
        const rows = await db
          .selectFrom('run_event')
          .selectAll()
          .where('run_id', '=', runId)
          .where('seq', '>', after)
          .orderBy('seq')
          .limit(PAGE)
          .execute()
        for (const row of rows) yield parseEvent(row)
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
        .orderBy('id')
        .execute()
      return rows.map(parseRun)
    }
  }
}
