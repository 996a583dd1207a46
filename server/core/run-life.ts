// The life of one attempt: its lease, its opening facts on disk, its runner.
// Must stay true: nothing is sent before the opening facts are on disk; the lease is renewed until the last write.
import { prepareAttempt } from './attempt.ts'
import type { Channel } from './channel.ts'
import type { Clock } from './clock.ts'
import { createDispatcher } from './dispatcher.ts'
import { cancelled, interrupted } from './ending.ts'
import { applyRunEvent, type LiveState, notLive, type RunState, toSnapshot } from './fold.ts'
import type { Journal, Lease, Leases } from './journal.ts'
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
}

/** `recover`: only settles what an earlier process left in flight, then ends `interrupted`. */
export type Mode = 'new' | 'resume' | 'recover'

/**
 * Keeps the lease for as long as `work` lasts; `lost` is called when another process has it.
 * `confirm` resolves when the lease is certainly still ours, and rejects with LeaseLost: a process that slept through its lease
 * (suspended machine, stopped container) must not send what it wrote down before.
 */
export const underLease = async (
  { leases, clock, onCrash }: Pick<LifeDeps, 'leases' | 'clock' | 'onCrash'>,
  lease: Lease,
  work: (confirm: () => Promise<void>) => Promise<void>,
  lost: () => void
): Promise<void> => {
  const over = new AbortController()
  let heldUntil = clock.now() + leases.ttl
  const renew = async (): Promise<void> => {
    const asked = clock.now()
    await leases.renew(lease)
    heldUntil = asked + leases.ttl
  }
  const renewing = (async () => {
    for (;;) {
      await clock.sleep(leases.ttl / 3, over.signal)
      if (over.signal.aborted) return
      await renew().catch(error => {
        // A failed write is tried again; a lost lease ends the run at its next write, this only says so sooner.
        if (error instanceof Error && error.name === 'LeaseLost') lost()
      })
    }
  })()
  try {
    await work(async () => {
      if (clock.now() >= heldUntil) await renew()
    })
  } finally {
    over.abort()
    await renewing
    await leases.release(lease).catch(onCrash)
  }
}

const totalOf = ({ operation, snapshot }: RunRecord): number | null => {
  if (operation.kind === 'clear') return null
  return operation.retryOf === undefined ? operation.recipe.companies + operation.recipe.contacts : snapshot.total
}

const openingOf = (record: RunRecord, mode: Mode, now: number): RunEvent[] => {
  if (mode === 'new') {
    return [{ type: 'run.started', at: record.startedAt, operation: record.operation, total: totalOf(record) }]
  }
  return mode === 'resume' ? [{ type: 'run.resumed', at: now }] : []
}

export interface AttemptRequest {
  readonly lease: Lease
  readonly record: RunRecord
  readonly channel: Channel
  readonly mode: Mode
  readonly live: LiveRun
  /** @throws {LeaseLost} */
  readonly confirm: () => Promise<void>
}

/** Replays the journal, writes the opening facts, shows the first snapshot. The returned runner has not begun. */
export const openAttempt = async (
  deps: LifeDeps,
  { lease, record, channel, mode, live, confirm }: AttemptRequest
): Promise<Runner> => {
  const { journal, clock } = deps
  const { mission, state, lastBatch, leftovers } = await prepareAttempt(deps, record, channel)
  const snap = (now: RunState, current: LiveState): RunSnapshot =>
    toSnapshot(
      now,
      { id: record.id, portal: record.snapshot.portal, startedAt: record.startedAt, startedBy: record.startedBy.name },
      current
    )
  const opening: RunEvent[] = []
  let initial = state
  for (const event of [...openingOf(record, mode, clock.now()), ...leftovers]) {
    for (const each of [event, ...mission.apply(event)]) {
      opening.push(each)
      initial = applyRunEvent(initial, each)
    }
  }
  const snapshot = snap(initial, notLive)
  if (mode === 'new') await journal.create(lease, { ...record, snapshot }, opening)
  else if (opening.length > 0) await journal.append(lease, record.id, opening, snapshot)
  live.show(() => snapshot)
  const runner = createRunner({
    mission,
    channel,
    dispatcher: createDispatcher({
      speed: channel.speed,
      kind: record.operation.kind,
      grain: record.operation.kind === 'create' ? 2 : 1,
      requestSeconds: deps.requestSeconds,
      rate: channel.pace.rate
    }),
    clock,
    random: deps.random,
    requestSeconds: deps.requestSeconds,
    initial,
    firstBatch: lastBatch,
    confirm,
    write: (events, next) => journal.append(lease, record.id, events, snap(next, notLive)),
    show: (next, liveOf) => live.show(() => snap(next, liveOf(next)))
  })
  if (mode === 'recover') runner.end(state.cancelling ? cancelled : interrupted(true))
  return runner
}
