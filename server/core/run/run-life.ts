// The life of one attempt: its lease, its opening facts on disk, its runner.
// Must stay true: nothing is sent before the opening facts are on disk; the lease is renewed until the last write.

import type { Channel } from '../channel.ts'
import { type Clock, type Moment, momentOf, passedSince } from '../clock.ts'
import { AppError, startUnknown } from '../errors.ts'
import { createDispatcher } from '../speed/dispatcher.ts'
import { grainOf } from '../speed/estimate.ts'
import { prepareAttempt } from './attempt.ts'
import { cancelled, interrupted } from './ending.ts'
import { applyRunEvent, type LiveState, notLive, type RunState, toSnapshot, withConsequences } from './fold.ts'
import { type Journal, type Lease, LeaseLost, type Leases } from './journal.ts'
import type { LiveRun } from './live-run.ts'
import type { RunEvent, RunRecord, RunSnapshot } from './run.ts'
import { createRunner, type Runner } from './runner.ts'

export interface LifeDeps {
  readonly journal: Journal
  readonly leases: Leases
  readonly clock: Clock
  /** 0..1 */
  readonly random: () => number
  readonly requestSeconds: number
  readonly onCrash: (error: unknown) => void
  /** A run has begun in this process, or has ended in it. */
  readonly onRun?: (run: RunSnapshot) => void
}

/**
 * `recover`: only settles what an earlier process left in flight, then ends `interrupted`; `continue`: goes on after that.
 * Both end `cancelled` where somebody had asked for it.
 */
export type Mode = 'new' | 'resume' | 'recover' | 'continue'

/**
 * Keeps the lease for as long as `work` lasts; `lost` is called when another process has it.
 * `confirm` resolves when the lease is certainly still ours, and rejects with LeaseLost: a process that slept through its lease
 * (suspended machine, stopped container) must not send what it wrote down before. `since`: before the lease was asked for.
 */
export const underLease = async (
  { leases, clock, onCrash }: Pick<LifeDeps, 'leases' | 'clock' | 'onCrash'>,
  lease: Lease,
  since: Moment,
  work: (confirm: () => Promise<void>) => Promise<void>,
  lost: () => void
): Promise<void> => {
  const over = new AbortController()
  /** By both clocks: the one may be set, the other one may stand still while the machine sleeps. */
  let held = since
  const renew = async (): Promise<void> => {
    const asked = momentOf(clock)
    await leases.renew(lease)
    held = asked
  }
  const renewing = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(leases.ttl / 3, over.signal)
      if (over.signal.aborted) return
      await renew().catch(error => {
        // A failed write is tried again; a lost lease ends the run at its next write, this only says so sooner.
        if (error instanceof LeaseLost && !over.signal.aborted) lost()
      })
    }
  }
  void renewing()
  try {
    await work(async () => {
      if (passedSince(clock, held) >= leases.ttl) await renew()
    })
  } finally {
    // A renewal under way is not waited for: before the release it does no harm, behind it it finds nothing to renew.
    over.abort()
    await leases.release(lease).catch(onCrash)
  }
}

/** How often a run is asked whether another process wants it to end. */
const HEED_EVERY_MS = 1000

/** Runs to the end; ends early when somebody asks another process for it. */
export const heedCancel = async (
  { journal, clock }: Pick<LifeDeps, 'journal' | 'clock'>,
  runId: string,
  runner: Runner
): Promise<void> => {
  const over = new AbortController()
  const heeding = (async () => {
    for (;;) {
      await clock.sleep(HEED_EVERY_MS, over.signal)
      if (over.signal.aborted) return
      // Storage that cannot be read is told by the next write.
      if (await journal.cancelRequested(runId).catch(() => false)) runner.end(cancelled)
    }
  })()
  await runner.run().finally(() => over.abort())
  await heeding
}

const totalOf = ({ operation, snapshot }: RunRecord): number | null => {
  if (operation.kind === 'clear') return null
  return operation.retryOf === undefined ? operation.recipe.companies + operation.recipe.contacts : snapshot.total
}

const openingOf = (record: RunRecord, mode: Mode, goesOn: boolean, now: number): RunEvent[] => {
  if (mode === 'new') {
    return [{ type: 'run.started', at: record.startedAt, operation: record.operation, total: totalOf(record) }]
  }
  return goesOn ? [{ type: 'run.resumed', at: now, startedBy: record.startedBy }] : []
}

/**
 * Stores a new run. Where the answer to that was lost, the run may be there after all: then it goes on, as it would after a restart.
 * The renewed lease waits behind a commit that is still under way.
 */
const createRun = async (
  { journal, leases }: Pick<LifeDeps, 'journal' | 'leases'>,
  lease: Lease,
  run: RunRecord,
  opening: readonly RunEvent[]
): Promise<void> => {
  try {
    await journal.create(lease, run, opening)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const isThere = async (): Promise<boolean> => {
      await leases.renew(lease)
      return (await journal.find(run.id)) !== undefined
    }
    const there = await isThere().catch(() => undefined)
    if (there !== true) throw there === undefined ? startUnknown(error) : error
  }
}

export interface AttemptRequest {
  readonly lease: Lease
  readonly record: RunRecord
  readonly channel: Channel
  readonly mode: Mode
  readonly live: LiveRun
  /** As RunnerDeps. */
  readonly unwritten: (error: AppError | undefined) => void
  /** @throws {LeaseLost} */
  readonly confirm: () => Promise<void>
}

/** Replays the journal, writes the opening facts, shows the first snapshot. The returned runner has not begun. */
export const openAttempt = async (
  deps: LifeDeps,
  { lease, record, channel, mode, live, unwritten, confirm }: AttemptRequest
): Promise<Runner> => {
  const { journal, clock } = deps
  const { mission, state, lastBatch, leftovers } = await prepareAttempt(deps, record, channel, lease)
  const snap = (now: RunState, current: LiveState): RunSnapshot =>
    toSnapshot(
      now,
      { id: record.id, portal: record.snapshot.portal, startedAt: record.startedAt, startedBy: record.startedBy.name },
      current
    )
  const stops = state.cancelling || (mode !== 'new' && (await journal.cancelRequested(record.id)))
  const goesOn = mode === 'new' || mode === 'resume' || (mode === 'continue' && !stops)
  const at = clock.now()
  const opening = withConsequences([...openingOf(record, mode, goesOn, at), ...leftovers], mission.apply)
  const initial = opening.reduce(applyRunEvent, state)
  const snapshot = snap(initial, notLive)
  if (mode === 'new') await createRun(deps, lease, { ...record, snapshot }, opening)
  else if (opening.length > 0) await journal.append(lease, record.id, opening, snapshot)
  live.show(() => snapshot)
  const runner = createRunner({
    mission,
    channel,
    dispatcher: createDispatcher({
      speed: channel.speed,
      kind: record.operation.kind,
      grain: grainOf(record.operation.kind),
      requestSeconds: deps.requestSeconds,
      rate: channel.pace.rate
    }),
    clock,
    random: deps.random,
    requestSeconds: deps.requestSeconds,
    initial,
    firstBatch: lastBatch,
    unwritten,
    confirm,
    write: (events, next) => journal.append(lease, record.id, events, snap(next, notLive)),
    show: (next, liveOf) => live.show(() => snap(next, liveOf(next)))
  })
  if (!goesOn) runner.end(stops ? cancelled : interrupted(true))
  return runner
}
