// The fold of a run's events: facts in, state out.
// Must stay true: pure; any prefix of a journal folds to a valid snapshot; percent never falls.
import { type EntityName, type EntityPlural, entities } from '../entities.ts'
import type { Operation } from '../recipe.ts'
import type { Rejection, Rows, RunEvent, RunSnapshot, RunSum } from './run.ts'

/** How many rejections a snapshot shows. */
const ERRORS_SHOWN = 50

export interface RunState extends RunSum {
  readonly kind: Operation['kind']
  readonly errors: readonly Rejection[]
}

/** What no event carries: it is known while a run is active, and null in the journal. */
export interface LiveState {
  readonly etaSeconds: number | null
  readonly waitingUntil: number | null
  readonly waitingFor: string | null
}

export const notLive: LiveState = { etaSeconds: null, waitingUntil: null, waitingFor: null }

const none: Readonly<Record<EntityName, number>> = { company: 0, contact: 0 }

export const initialRunState = (operation: Operation): RunState => ({
  kind: operation.kind,
  status: 'running',
  totals: none,
  created: none,
  deleted: none,
  failed: 0,
  percent: 0,
  errors: [],
  finishedAt: null,
  failure: null,
  cancelling: false,
  verified: false,
  unverified: null,
  copiesRemoved: 0
})

const sum = (counts: Readonly<Record<EntityName, number>>): number => counts.company + counts.contact

const add = (counts: Readonly<Record<EntityName, number>>, rows: Rows): Readonly<Record<EntityName, number>> => ({
  company: counts.company + (rows.company?.length ?? 0),
  contact: counts.contact + (rows.contact?.length ?? 0)
})

/** Rows that are settled, rejected ones too. */
export const doneOf = (state: RunState): number => sum(state.created) + sum(state.deleted) + state.failed

/** Rejected ones that were not there are settled too; total never lies below what is done. */
const totalOf = (state: RunState): number => Math.max(sum(state.totals), doneOf(state))

const withPercent = (state: RunState): RunState => {
  const total = totalOf(state)
  const reached = state.status === 'completed' ? 100 : total === 0 ? 0 : Math.floor((100 * doneOf(state)) / total)
  return reached > state.percent ? { ...state, percent: reached } : state
}

const settled = (state: RunState, ok: Rows, rejected: readonly Rejection[]): RunState => ({
  ...state,
  created: state.kind === 'create' ? add(state.created, ok) : state.created,
  deleted: state.kind === 'clear' ? add(state.deleted, ok) : state.deleted,
  failed: state.failed + rejected.length,
  errors: state.errors.length >= ERRORS_SHOWN ? state.errors : [...state.errors, ...rejected].slice(0, ERRORS_SHOWN)
})

/** Of a retry only the sum is known; it counts as companies. */
const startTotals = (operation: Operation, total: number): RunState['totals'] => {
  const contact = operation.kind === 'create' && operation.retryOf === undefined ? operation.recipe.contacts : 0
  return { company: total - contact, contact }
}

const copies = (rows: Rows): number => (rows.company?.length ?? 0) + (rows.contact?.length ?? 0)

const withCopies = (state: RunState, extras: Rows): RunState =>
  copies(extras) === 0 ? state : { ...state, copiesRemoved: state.copiesRemoved + copies(extras) }

const without = (counts: Readonly<Record<EntityName, number>>, rows: Rows): Readonly<Record<EntityName, number>> => ({
  company: counts.company - (rows.company?.length ?? 0),
  contact: counts.contact - (rows.contact?.length ?? 0)
})

const counted = (state: RunState, event: Extract<RunEvent, { type: 'rows.counted' }>): RunState => {
  const created = without(add(state.created, event.ok), event.missing)
  const word = event.late ? {} : { verified: event.verified, unverified: event.problem }
  return withCopies({ ...state, created, ...word }, event.extras)
}

const step = (state: RunState, event: RunEvent): RunState => {
  switch (event.type) {
    case 'run.started':
      return event.total === null ? state : { ...state, totals: startTotals(event.operation, event.total) }
    case 'clear.bounded':
      return { ...state, totals: { company: event.bounds.company.total, contact: event.bounds.contact.total } }
    case 'listing.finished':
      return { ...state, totals: { ...state.totals, [event.entity]: event.total } }
    case 'batch.settled':
      return settled(state, event.ok, event.rejected)
    case 'rows.rejected':
      return settled(state, {}, event.rejected)
    case 'rows.reconciled':
      return withCopies(settled(state, event.ok, []), event.extras)
    case 'rows.audited':
      return withCopies(state, event.extras)
    case 'rows.counted':
      return counted(state, event)
    case 'cancel.requested':
      return { ...state, cancelling: true }
    case 'run.resumed':
      return { ...state, status: 'running', finishedAt: null, failure: null, cancelling: false }
    case 'run.finished':
      return { ...state, status: event.status, finishedAt: event.at, failure: event.failure, cancelling: false }
    case 'run.compacted':
      return { ...state, ...event.sum }
    case 'batch.sent':
      // What goes out now was not there when the portal was counted.
      return state.verified || state.unverified ? { ...state, verified: false, unverified: null } : state
    case 'run.taken':
      return state
  }
}

/** The next state; never mutates. */
export const applyRunEvent = (state: RunState, event: RunEvent): RunState => withPercent(step(state, event))

const plural = (counts: Readonly<Record<EntityName, number>>): Readonly<Record<EntityPlural, number>> =>
  ({
    [entities.company.plural]: counts.company,
    [entities.contact.plural]: counts.contact
  }) as Record<EntityPlural, number> // computed keys widen to string; both plurals are present

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/** The state as everybody sees it (contract.md, "Snapshot"). */
export const toSnapshot = (
  state: RunState,
  run: { readonly id: string; readonly portal: string; readonly startedAt: number; readonly startedBy: string },
  live: LiveState = notLive
): RunSnapshot => ({
  id: run.id,
  kind: state.kind,
  status: state.status,
  portal: run.portal,
  total: totalOf(state),
  done: doneOf(state),
  failed: state.failed,
  percent: state.percent,
  created: plural(state.created),
  deleted: plural(state.deleted),
  startedAt: new Date(run.startedAt).toISOString(),
  finishedAt: iso(state.finishedAt),
  startedBy: run.startedBy,
  etaSeconds: live.etaSeconds,
  waitingUntil: iso(live.waitingUntil),
  waitingFor: live.waitingFor,
  errors: state.errors,
  failure: state.failure,
  verified: state.verified,
  unverified: state.unverified,
  copiesRemoved: state.copiesRemoved
})

/** Facts and those that follow from them, in order. `follow`: takes note of a fact, and says what it brings about. */
export const withConsequences = (
  events: readonly RunEvent[],
  follow: (event: RunEvent) => readonly RunEvent[]
): RunEvent[] => events.flatMap(event => [event, ...withConsequences(follow(event), follow)])
