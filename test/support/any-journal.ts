// Journals as processes may leave them: drawn step by step, with writes that failed, take-overs and resumptions.
// Must stay true: only `batch.sent` is never missing; every row of a batch ends in one list.
import fc from 'fast-check'
import { type EntityName, entityNames } from '../../server/core/entities.ts'
import type { Operation } from '../../server/core/recipe.ts'
import { createRowSet } from '../../server/core/run/mission.ts'
import type { Rejection, Rows, RunEvent } from '../../server/core/run/run.ts'

type Status = 'pending' | 'sent' | 'ok' | 'rejected' | 'unknown'
interface Row {
  readonly entity: EntityName
  readonly row: number
  status: Status
}

const kinds = ['send', 'settle', 'settle', 'reconcile', 'reject', 'audit', 'take', 'finish', 'compact'] as const
/** `dice` decides what becomes of each row; `lost`: the write failed. */
const step = fc.record({
  kind: fc.constantFrom(...kinds),
  dice: fc.array(fc.nat(9), { minLength: 1, maxLength: 12 }),
  flag: fc.boolean(),
  lost: fc.nat(9).map(die => die === 0)
})
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
export const anySteps = fc.array(step, { maxLength: 40 })

export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant('create' as const),
    recipe: fc.record({
      companies: fc.integer({ min: 1, max: 6 }),
      contacts: fc.nat(9),
      seed: fc.constant(1),
      locale: fc.constant('ru' as const)
    })
  }),
  fc.record({ kind: fc.constant('clear' as const), scope: fc.constantFrom('created' as const, 'all' as const) })
)

const rowsOf = (rows: readonly Row[]): Rows => {
  const set = createRowSet()
  for (const { entity, row } of rows) set.add(entity, row)
  return set.toRows()
}

/** Ids of the records that a clear run may meet. */
export const CLEARED = { company: [2, 3, 5, 8, 13], contact: [21, 22, 23, 40] }

const rowsAtFirst = (operation: Operation): Row[] => {
  if (operation.kind === 'clear') {
    return entityNames.flatMap(entity => CLEARED[entity].map((row): Row => ({ entity, row, status: 'pending' })))
  }
  const { companies, contacts } = operation.recipe
  return Array.from({ length: companies + contacts }, (_, index): Row => {
    return { entity: index < companies ? 'company' : 'contact', row: index + 1, status: 'pending' }
  })
}

/**
 * The journal that the steps leave.
 * @param compact what stands in the place of the events so far, at each step `compact`
 */
export const journalOf = (
  operation: Operation,
  steps: readonly Step[],
  compact: (events: readonly RunEvent[]) => RunEvent[]
): RunEvent[] => {
  const creates = operation.kind === 'create'
  const rows = rowsAtFirst(operation)
  const open = new Map<number, Row[]>()
  let events: RunEvent[] = [{ type: 'run.started', at: 1, operation, total: creates ? rows.length : null }]
  if (!creates) {
    const bounds = { company: { maxId: 13, total: 4 }, contact: { maxId: 40, total: 6 } }
    events.push({ type: 'clear.bounded', at: 2, bounds })
  }
  let at = 2
  let batch = 0
  let ids = 100
  let ended = false
  const idsOf = (ok: readonly Row[]): Rows => {
    const set = createRowSet()
    // Not in order, as several workers give them out.
    for (const { entity, row } of ok) set.add(entity, 10 * row + (ids++ % 7))
    return creates ? set.toRows() : {}
  }
  const rejectionOf = ({ entity, row }: Row, die: number): Rejection =>
    die % 2 === 0
      ? { entity, row, code: 'REJECTED', message: 'Access denied.' }
      : { entity, row, code: 'REJECTED', message: `Field ${die} is wrong` }
  const among = (...statuses: Status[]): Row[] => rows.filter(({ status }) => statuses.includes(status))
  /** The rows of each entity that were done last: look-ups go by them, so a journal that is compacted keeps them last. */
  const last: Partial<Record<Row['entity'], Row>> = {}
  const mark = (some: readonly Row[], status: Status): Row[] => {
    for (const each of some) each.status = status
    if (status === 'ok') for (const each of some) last[each.entity] = each
    return [...some]
  }
  const write = (event: RunEvent, lost = false): boolean => {
    if (!lost) events.push(event)
    return !lost
  }

  for (const { kind, dice, flag, lost } of steps) {
    at += 1
    const die = (index: number): number => dice[index % dice.length] ?? 0
    const drawn = (some: readonly Row[]): Row[] => some.filter((_, index) => die(index) < 5)
    if (ended && kind !== 'compact') write({ type: 'run.resumed', at })
    ended &&= kind === 'compact'
    switch (kind) {
      case 'send': {
        // Also what a look-up called missing, whose write failed.
        const chosen = drawn(among('pending', ...(lost ? (['unknown'] as const) : [])))
        if (chosen.length === 0) break
        batch += 1
        open.set(batch, mark(chosen, 'sent'))
        write({ type: 'batch.sent', at, batch, rows: rowsOf(chosen) })
        break
      }
      case 'settle': {
        const [number, chosen] = [...open][die(0) % Math.max(1, open.size)] ?? []
        if (number === undefined || chosen === undefined) break
        open.delete(number)
        const by = (from: number, to: number): Row[] =>
          chosen.filter((_, index) => die(index) >= from && die(index) <= to)
        const [ok, rejected, returned, unknown] = [by(0, 4), by(5, 6), by(7, 7), by(8, 9)]
        const event: RunEvent = {
          type: 'batch.settled',
          at,
          batch: number,
          ok: rowsOf(ok),
          ids: idsOf(ok),
          rejected: rejected.map((row, index) => rejectionOf(row, die(index + 1))),
          returned: rowsOf(returned),
          unknown: rowsOf(unknown),
          ...(flag ? { done: true } : {})
        }
        if (!write(event, lost)) {
          open.set(number, chosen)
          break
        }
        mark(ok, 'ok')
        mark(rejected, 'rejected')
        mark(returned, 'pending')
        mark(unknown, 'unknown')
        break
      }
      case 'reconcile': {
        const chosen = creates ? drawn(among('unknown')) : []
        const ok = chosen.filter((_, index) => die(index) % 2 === 0)
        const missing = chosen.filter(row => !ok.includes(row))
        if (chosen.length === 0) break
        const event: RunEvent = {
          type: 'rows.reconciled',
          at,
          ok: rowsOf(ok),
          ids: idsOf(ok),
          missing: rowsOf(missing),
          extras: {}
        }
        if (!write(event, lost)) break
        mark(ok, 'ok')
        mark(missing, 'pending')
        break
      }
      case 'reject': {
        const chosen = drawn(among('pending')).filter(({ entity }) => entity === 'contact')
        if (chosen.length === 0) break
        write({ type: 'rows.rejected', at, rejected: mark(chosen, 'rejected').map(row => rejectionOf(row, die(0))) })
        break
      }
      case 'audit':
        if (creates) {
          // It is counted when nothing is under way.
          if (among('sent', 'unknown').length > 0) break
          const gone = flag ? drawn(among('ok')).filter(row => last[row.entity] !== row) : []
          const found = { ok: {}, ids: {}, missing: rowsOf(gone), extras: {} }
          const counted: RunEvent = { type: 'rows.counted', at, ...found, verified: gone.length === 0, problem: null }
          if (write(counted, lost)) mark(gone, 'pending')
        } else if (flag) write({ type: 'listing.finished', at, entity: 'contact', total: die(0) })
        break
      case 'take': {
        for (const [number, chosen] of open) {
          const left = chosen.filter(({ status }) => status === 'sent')
          const none = { ok: {}, ids: {}, rejected: [], returned: {} }
          write({ type: 'batch.settled', at, batch: number, ...none, unknown: rowsOf(mark(left, 'unknown')) })
        }
        open.clear()
        write({ type: 'run.taken', at, ...(flag ? { orphaned: true as const } : {}) })
        break
      }
      case 'finish': {
        const status = (['cancelled', 'failed', 'interrupted'] as const)[die(0) % 3] ?? 'failed'
        if (flag) write({ type: 'cancel.requested', at }, lost)
        write({ type: 'run.finished', at, status, failure: flag ? { code: 'CODE', message: 'Why' } : null })
        ended = true
        break
      }
      default:
        events = compact(events)
    }
  }
  return events
}
