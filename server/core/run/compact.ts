// What is still needed of a journal: a few events that say of every row what the whole journal says.
// Must stay true: pure; folding or replaying the result comes to what the journal itself comes to (test/core/compact.test.ts).
import { createWitnesses } from '../create/witnesses.ts'
import { type EntityName, entityNames } from '../entities.ts'
import type { Operation } from '../recipe.ts'
import { applyRunEvent, initialRunState } from './fold.ts'
import { createRowSet } from './mission.ts'
import type { Rejection, Rows, RunEvent } from './run.ts'

type Settled = Extract<RunEvent, { type: 'batch.settled' }>

/** How long an unknown row has to wait for its look-up (create-mission.ts): the portal was done; it was not; a frozen process may still be heard. */
const waits = ['done', 'open', 'taken'] as const
type Wait = (typeof waits)[number]

export interface Compaction {
  /** Takes the journal's events in their order; those of an earlier compaction too. */
  follow(event: RunEvent): void
  /** What stands for all of them. */
  events(): RunEvent[]
}

const byEntity = <T>(make: () => T): Readonly<Record<EntityName, T>> => ({ company: make(), contact: make() })
const each = (rows: Rows, visit: (entity: EntityName, row: number, index: number) => void): void => {
  for (const entity of entityNames) for (const [index, row] of (rows[entity] ?? []).entries()) visit(entity, row, index)
}
const only = (rows: Rows, keep: (entity: EntityName, row: number) => boolean): Rows => {
  const set = createRowSet()
  each(rows, (entity, row) => {
    if (keep(entity, row)) set.add(entity, row)
  })
  return set.toRows()
}
const isEmpty = (rows: Rows): boolean => entityNames.every(entity => (rows[entity] ?? []).length === 0)

export const createCompaction = (operation: Operation): Compaction => {
  const creates = operation.kind === 'create'
  let state = initialRunState(operation)
  let lastBatch = 0
  let at = 0
  /** Kept as they are: how the run began, and what a clear run found. */
  const openings: RunEvent[] = []
  /** Sent, and never heard of. */
  const open = new Map<number, Extract<RunEvent, { type: 'batch.sent' }>>()
  const sent = byEntity(() => new Set<number>())
  /** With the record's id; 0 where none was made. */
  const done = byEntity(() => new Map<number, number>())
  const unknown = byEntity(() => new Map<number, Wait>())
  /** Clear: not deleted yet after all, in the order in which they are tried again. */
  const again = byEntity(() => new Set<number>())
  const rejected: Rejection[] = []
  /** The portal has refused one itself: from then on a contact waits for its company's id. */
  let refused = false
  /** Create: rows that ever went out, and whether all of them were counted since. */
  const everSent = byEntity(() => new Set<number>())
  let counted: Extract<RunEvent, { type: 'rows.counted' }> | undefined
  const witnesses = createWitnesses()

  const leave = (entity: EntityName, row: number): void => {
    sent[entity].delete(row)
    unknown[entity].delete(row)
    again[entity].delete(row)
  }
  const settle = (ok: Rows, ids: Rows): void =>
    each(ok, (entity, row, index) => {
      leave(entity, row)
      done[entity].set(row, ids[entity]?.[index] ?? 0)
    })
  const reject = (rejections: readonly Rejection[]): void => {
    for (const rejection of rejections) {
      leave(rejection.entity, rejection.row)
      rejected.push(rejection)
    }
  }
  const settleBatch = (event: Settled): void => {
    open.delete(event.batch)
    settle(event.ok, event.ids)
    each(event.returned, (entity, row) => {
      leave(entity, row)
      if (!creates) again[entity].add(row)
    })
    each(event.unknown, (entity, row) => {
      sent[entity].delete(row)
      if (creates) unknown[entity].set(row, event.done ? 'done' : 'open')
      else again[entity].add(row)
    })
    reject(event.rejected)
    refused ||= event.rejected.length > 0
  }
  const take = (orphaned: boolean): void => {
    for (const entity of entityNames)
      for (const [row, wait] of unknown[entity])
        unknown[entity].set(row, orphaned && wait !== 'taken' ? 'open' : 'taken')
  }

  const follow: Compaction['follow'] = event => {
    state = applyRunEvent(state, event)
    at = event.at
    if (creates) witnesses.follow(event)
    switch (event.type) {
      case 'run.started':
      case 'clear.bounded':
      case 'listing.finished':
        openings.push(event)
        break
      case 'batch.sent':
        lastBatch = Math.max(lastBatch, event.batch)
        open.set(event.batch, event)
        each(event.rows, (entity, row) => {
          leave(entity, row)
          sent[entity].add(row)
          everSent[entity].add(row)
        })
        counted = undefined
        break
      case 'batch.settled':
        settleBatch(event)
        break
      case 'rows.rejected':
        reject(event.rejected)
        break
      case 'rows.reconciled':
        settle(event.ok, event.ids)
        each(event.missing, leave)
        break
      case 'rows.counted':
        settle(event.ok, event.ids)
        each(event.missing, (entity, row) => done[entity].delete(row))
        if (!event.late) counted = event
        break
      case 'run.taken':
        take(event.orphaned === true)
        break
      case 'run.compacted':
        lastBatch = Math.max(lastBatch, event.lastBatch)
        break
      default:
        break
    }
  }

  /** A batch of its own, whose number no other has. */
  const settled = (what: Partial<Settled>): Settled => ({
    type: 'batch.settled',
    at,
    batch: 0,
    ok: {},
    ids: {},
    rejected: [],
    returned: {},
    unknown: {},
    ...what
  })
  const settledRows = (wanted: (entity: EntityName, row: number) => boolean): Pick<Settled, 'ok' | 'ids'> => {
    const [ok, ids] = [createRowSet(), createRowSet()]
    for (const entity of entityNames) {
      // In order: that is short to write down.
      const rows = [...done[entity]].filter(([row]) => wanted(entity, row)).sort(([one], [other]) => one - other)
      for (const [row, id] of rows) {
        ok.add(entity, row)
        if (creates) ids.add(entity, id)
      }
    }
    return { ok: ok.toRows(), ids: ids.toRows() }
  }
  const unknownRows = (wanted: Wait): Rows => {
    const rows = createRowSet()
    for (const entity of entityNames)
      for (const [row, wait] of unknown[entity]) if (wait === wanted) rows.add(entity, row)
    return rows.toRows()
  }
  const againRows = (): Rows => {
    const rows = createRowSet()
    for (const entity of entityNames) for (const row of again[entity]) rows.add(entity, row)
    return rows.toRows()
  }

  /** Create: what went out, and is to go out again. */
  const returnedRows = (): Rows => {
    const refusedRows = new Set(rejected.map(({ row }) => row))
    const settledRow = (entity: EntityName, row: number): boolean =>
      done[entity].has(row) || unknown[entity].has(row) || sent[entity].has(row) || refusedRows.has(row)
    const rows = createRowSet()
    for (const entity of entityNames)
      for (const row of everSent[entity]) if (!settledRow(entity, row)) rows.add(entity, row)
    return rows.toRows()
  }
  /** Create: all that was heard of, as if it had gone out in one batch. */
  const outings = (): RunEvent[] => {
    const rows = createRowSet()
    for (const entity of entityNames)
      for (const row of [...everSent[entity]].sort((one, other) => one - other))
        if (!sent[entity].has(row)) rows.add(entity, row)
    return creates && !isEmpty(rows.toRows()) ? [{ type: 'batch.sent', at, batch: 0, rows: rows.toRows() }] : []
  }

  /** What has an outcome. The records that were made last come last, as the witnesses that they are. */
  const outcomes = (): RunEvent[] => {
    // Nobody asks any more which records a clear run has deleted that is over for good.
    if (!creates && state.status === 'completed') return [{ type: 'rows.rejected', at, rejected }]
    const isWitness = (entity: EntityName, row: number): boolean => witnesses.of(entity)?.row === row
    const most = settledRows((entity, row) => !isWitness(entity, row))
    const last = settledRows(isWitness)
    return [
      settled({ ...most, returned: creates ? returnedRows() : againRows(), rejected: refused ? rejected : [] }),
      ...(refused ? [] : [{ type: 'rows.rejected', at, rejected } as const]),
      ...(isEmpty(last.ok) ? [] : [settled(last)])
    ]
  }
  const uncertainties = (): RunEvent[] => {
    const [soon, later, latest] = [unknownRows('done'), unknownRows('open'), unknownRows('taken')]
    return [
      ...(isEmpty(latest) ? [] : [settled({ unknown: latest }), { type: 'run.taken', at } as const]),
      ...(isEmpty(later) ? [] : [settled({ unknown: later })]),
      ...(isEmpty(soon) ? [] : [settled({ unknown: soon, done: true })])
    ]
  }

  return {
    follow,
    events() {
      const waiting = [...open.values()]
        .map(event => ({ ...event, rows: only(event.rows, (entity, row) => sent[entity].has(row)) }))
        .filter(({ rows }) => !isEmpty(rows))
      const { kind: _kind, errors: _errors, ...sum } = state
      return [
        ...openings,
        ...outings(),
        ...outcomes(),
        ...waiting,
        ...uncertainties(),
        ...(counted === undefined ? [] : [{ ...counted, ok: {}, ids: {}, missing: {}, extras: {} }]),
        { type: 'run.compacted', at, lastBatch, sum }
      ]
    }
  }
}
