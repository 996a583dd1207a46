// Puts one attempt of a run together: replays its journal into a mission, and wires the mission to a runner.
// Must stay true: everything that an attempt knows of earlier ones comes from the journal.
import type { Channel } from '../channel.ts'
import { createClearMission } from '../clear/clear-mission.ts'
import type { Clock } from '../clock.ts'
import { createCreateMission, type Leftover } from '../create/create-mission.ts'
import { createLedger, flatRows, type Ledger } from '../create/ledger.ts'
import { createPlan } from '../create/plan.ts'
import type { Recipe } from '../recipe.ts'
import { applyRunEvent, initialRunState, type RunState } from './fold.ts'
import type { Journal, Lease } from './journal.ts'
import { createRowSet, type Mission } from './mission.ts'
import type { Rejection, Rows, RunEvent, RunRecord } from './run.ts'

export interface AttemptDeps {
  readonly journal: Journal
  readonly clock: Clock
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
}

export interface Attempt {
  readonly mission: Mission
  readonly state: RunState
  readonly lastBatch: number
  /** Where an earlier process left no end: settles as `unknown` what it sent and never heard of, and says when the run was taken over. */
  readonly leftovers: RunEvent[]
}

/** Every rejected row of a run, oldest first. */
export async function* readRejections(journal: Journal, runId: string): AsyncGenerator<Rejection> {
  for await (const event of journal.events(runId)) {
    if (event.type === 'batch.settled' || event.type === 'rows.rejected') yield* event.rejected
  }
}

const rejectedRows = async (journal: Journal, runId: string): Promise<Rows> => {
  const rows = createRowSet()
  for await (const { entity, row } of readRejections(journal, runId)) rows.add(entity, row)
  return rows.toRows()
}

/**
 * Tells a ledger all that happened to its rows: in the run, and before that in the one that it retried, and so on.
 * Resolves with what these runs called rejected, and did not count.
 */
const replayInto = async (ledger: Ledger, journal: Journal, runId: string, recipe: Recipe): Promise<Leftover[]> => {
  let earlier: Leftover[] = []
  const out = new Set<number>()
  let counted = true
  for await (const event of journal.events(runId)) {
    // The first event; asked of the journal, because the history may not show the run any more.
    const retried = event.type === 'run.started' ? event.operation.retryOf : undefined
    if (retried !== undefined) earlier = await replayInto(ledger, journal, retried, recipe)
    ledger.apply(event)
    if (event.type === 'batch.sent') for (const row of flatRows(event.rows)) out.add(row)
    if (event.type === 'batch.sent' || event.type === 'rows.counted') counted = event.type === 'rows.counted'
  }
  const rows = counted ? [] : [...out].filter(row => ledger.status(row) === 'rejected')
  return rows.length === 0 ? earlier : [...earlier, { plan: createPlan(recipe, runId), rows }]
}

/** The mission of a run before any of its events; a retry starts from what its ancestor left rejected. */
const createMission = async (
  { journal, clock, requestSeconds }: AttemptDeps,
  run: RunRecord,
  channel: Channel
): Promise<Mission> => {
  const { operation } = run
  if (operation.kind === 'clear') {
    const only = operation.retryOf === undefined ? {} : { only: await rejectedRows(journal, operation.retryOf) }
    return createClearMission({ scope: operation.scope, channel, clock, requestSeconds, ...only })
  }
  const plan = createPlan(operation.recipe, run.id)
  const ledger = createLedger(plan)
  let before: Leftover[] = []
  if (operation.retryOf !== undefined) {
    const earlier = createLedger(plan)
    before = await replayInto(earlier, journal, operation.retryOf, operation.recipe)
    for (let row = 1; row <= plan.total; row += 1) {
      if (earlier.status(row) !== 'rejected') {
        ledger.preset(row, earlier.status(row) === 'ok' ? 'ok' : 'excluded', earlier.idOf(row))
      }
    }
  }
  return createCreateMission({ plan, ledger, before, channel, clock, requestSeconds })
}

/** Reads a run's journal, if it has one yet, into a mission that knows what is left. `orphaned`: as in a Lease. */
export const prepareAttempt = async (
  deps: AttemptDeps,
  run: RunRecord,
  channel: Channel,
  { orphaned }: Pick<Lease, 'orphaned'>
): Promise<Attempt> => {
  const mission = await createMission(deps, run, channel)
  const open = new Map<number, Rows>()
  let state = initialRunState(run.operation)
  let lastBatch = 0
  let ended = true
  for await (const event of deps.journal.events(run.id)) {
    state = applyRunEvent(state, event)
    mission.apply(event)
    ended = event.type === 'run.finished' || (event.type === 'run.compacted' && event.sum.status !== 'running')
    if (event.type === 'run.compacted') lastBatch = Math.max(lastBatch, event.lastBatch)
    else if (event.type === 'batch.sent') {
      open.set(event.batch, event.rows)
      lastBatch = Math.max(lastBatch, event.batch)
    } else if (event.type === 'batch.settled') open.delete(event.batch)
  }
  const at = deps.clock.now()
  // Only what is still under way: where the write of an answer failed, a later one may tell what became of its rows.
  const unheard = [...open]
    .map(([batch, rows]) => ({ batch, unknown: mission.underWay(rows) }))
    .filter(({ unknown }) => Object.keys(unknown).length > 0)
    .map(
      (left): RunEvent => ({
        ...{ type: 'batch.settled', at, ok: {}, ids: {}, rejected: [], returned: {} },
        ...left
      })
    )
  const taken: RunEvent = { type: 'run.taken', at, ...(orphaned ? { orphaned } : {}) }
  return { mission, state, lastBatch, leftovers: ended ? unheard : [...unheard, taken] }
}
