// Executes one operation: dispatch, send, settle, journal, cancel. One instance = one attempt of one run.
// Must stay true: `batch.sent` is on disk before the request leaves; what came back is on disk before it is shown.
import pLimit from 'p-limit'
import type { Answer, Channel } from './channel.ts'
import { type Clock, createBell } from './clock.ts'
import type { Dispatcher } from './dispatcher.ts'
import { AppError } from './errors.ts'
import { createEstimate } from './estimate.ts'
import { applyRunEvent, type LiveState, notLive, type RunState } from './fold.ts'
import { LeaseLost } from './journal.ts'
import type { Batch, Mission } from './mission.ts'
import { PortalFailure } from './portal.ts'
import type { FinalStatus, RunEvent, RunFailure } from './run.ts'

/** Temporary trouble of a portal that worked before is waited out this long; of one that never answered, five seconds. */
const PATIENCE_MS = 10 * 60_000
const FIRST_PATIENCE_MS = 5000
/** A wait shorter than this is not worth a word. */
const WORTH_SAYING_MS = 1000

/** How a run ends before its work is done. `settle`: unknown rows are looked up first. */
export interface Ending {
  readonly status: Exclude<FinalStatus, 'completed'>
  readonly failure: RunFailure | null
  readonly settle: boolean
}

export interface RunnerDeps {
  readonly mission: Mission
  readonly channel: Channel
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly random: () => number
  readonly initial: RunState
  readonly firstBatch: number
  /** Makes events durable together with the state that follows; calls resolve in order. @throws {AppError} STORAGE_FAILED, {LeaseLost} */
  readonly write: (events: readonly RunEvent[], state: RunState) => Promise<void>
  readonly show: (state: RunState, live: LiveState) => void
}

export interface Runner {
  /** Resolves when the run has ended and its end is on disk (or could not be written: then the state says so). */
  run(): Promise<RunState>
  /** Ends the run early; the first ending counts. */
  end(ending: Ending): void
}

const failureOf = ({ code, message }: { code: string; message: string }): Ending => ({
  status: 'failed',
  failure: { code, message },
  settle: false
})

export const createRunner = (deps: RunnerDeps): Runner => {
  const { mission, channel, dispatcher, clock, random } = deps
  const bell = createBell(clock)
  const estimate = createEstimate()
  const lane = pLimit(64)
  let state = deps.initial
  let batchNumber = deps.firstBatch
  let inFlight = 0
  let choring = false
  let ending: Ending | undefined
  let abandoned = false
  let troubleSince: number | undefined
  let troubles = 0
  let quietUntil = 0

  const end = (next: Ending): void => {
    ending ??= next
    bell.wake()
  }

  const live = (now: number): LiveState => {
    if (state.status !== 'running') return notLive
    const etaSeconds = estimate.secondsLeft(now, mission.left() + inFlight)
    const wait = waiting(now)
    return { etaSeconds, waitingUntil: wait?.until ?? null, waitingFor: wait?.for ?? null }
  }

  /** What nothing but time will change. */
  const waiting = (now: number): { until: number; for: string } | undefined => {
    const parked = mission.wants().map(method => ({ until: channel.pace.parkedUntil(method, now), for: method }))
    const longest = parked.filter(({ until }) => until > now).sort((a, b) => a.until - b.until)[0]
    if (longest !== undefined && parked.every(({ until }) => until > now)) return longest
    if (inFlight > 0 || choring) return undefined
    if (quietUntil > now + WORTH_SAYING_MS) return { until: quietUntil, for: 'portal' }
    const free = channel.pace.free(now, 'run')
    if (mission.left() > 0 && free === 0 && ending === undefined)
      return longest ?? { until: nextFree(now), for: 'requests' }
    const due = mission.choreAt()
    return mission.left() === 0 && due > now && due < Number.POSITIVE_INFINITY
      ? { until: due, for: 'reconciliation' }
      : undefined
  }
  const nextFree = (now: number): number => Math.max(now + 50, channel.pace.nextAt(now, 'run'))

  /** Folds, journals, then shows. Rejects when nothing was remembered. */
  const emit = async (events: readonly RunEvent[]): Promise<void> => {
    const all: RunEvent[] = []
    const queue = [...events]
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      all.push(event)
      state = applyRunEvent(state, event)
      queue.unshift(...mission.apply(event))
    }
    if (all.length === 0) return
    const written = state
    await deps.write(all, written)
    estimate.done(clock.now(), written)
    deps.show(written, live(clock.now()))
  }

  /** Storage failed or another process took over. */
  const broken = (error: unknown): void => {
    if (error instanceof LeaseLost) abandoned = true
    else if (error instanceof AppError) end(failureOf(error))
    else throw error
    bell.wake()
  }

  const worked = (): void => {
    troubleSince = undefined
    troubles = 0
  }
  const trouble = (failure: PortalFailure): void => {
    if (failure.kind === 'blocked') {
      end(failureOf(failure))
      return
    }
    if (failure.kind === 'intensity' || failure.kind === 'operating') return
    dispatcher.failed()
    const now = clock.now()
    troubleSince ??= now
    if (now - troubleSince > (channel.proven() ? PATIENCE_MS : FIRST_PATIENCE_MS)) {
      end(failureOf(failure))
      return
    }
    if (now < quietUntil) return
    troubles += 1
    quietUntil = now + Math.min(30_000, 250 * 2 ** troubles) * (0.75 + 0.5 * random())
  }

  const deliver = async (batch: Batch): Promise<void> => {
    batchNumber += 1
    const number = batchNumber
    await emit([{ type: 'batch.sent', at: clock.now(), batch: number, rows: batch.rows }])
    const sentAt = clock.now()
    let result: Answer | { failure: PortalFailure; elapsed: number }
    try {
      // Cancelled while the journal was written: nothing has left, and nothing will.
      if (ending !== undefined) throw new PortalFailure('unreachable', 'NOT_SENT', 'The run was ended before sending')
      result = await lane(() => channel.send(batch.commands, { halt: batch.halt }))
      const { reply, elapsed } = result
      dispatcher.measured({ commands: reply.times.size, duration: reply.duration, elapsed })
      worked()
    } catch (error) {
      if (!(error instanceof PortalFailure)) throw error
      result = { failure: error, elapsed: (clock.now() - sentAt) / 1000 }
      if (ending === undefined) trouble(error)
    }
    const { blocked, ...settlement } = mission.settle(batch, result)
    if (blocked !== null) end(failureOf(blocked))
    await emit([{ type: 'batch.settled', at: clock.now(), batch: number, ...settlement }])
  }

  const launch = (work: () => Promise<void>, after: () => void): void => {
    work()
      .catch(broken)
      .catch(crash)
      .finally(() => {
        after()
        bell.wake()
      })
  }
  let crashed: unknown
  const crash = (error: unknown): void => {
    crashed = error
    end(
      failureOf({
        code: 'INTERNAL_ERROR',
        message: 'An error inside BitrixCorp stopped the run; the log has the details. Resume it to go on.'
      })
    )
  }

  const pump = (now: number): void => {
    while (ending === undefined && now >= quietUntil) {
      const size = dispatcher.size(mission.left(), channel.pace.free(now, 'run'), inFlight)
      const batch = size > 0 ? mission.next(size, now) : null
      if (batch === null || channel.pace.reserve(now, 'run') !== 0) return
      inFlight += 1
      launch(
        () => deliver(batch),
        () => {
          inFlight -= 1
        }
      )
    }
  }

  const tend = (now: number): void => {
    const allowed = ending === undefined || (ending.settle && troubleSince === undefined)
    if (choring || !allowed || now < quietUntil) return
    const chore = mission.chore(now, ending !== undefined)
    if (chore === null) return
    choring = true
    launch(
      async () => {
        try {
          const events = await chore()
          worked()
          await emit(events)
        } catch (error) {
          if (!(error instanceof PortalFailure)) throw error
          trouble(error)
          quietUntil = Math.max(quietUntil, clock.now() + 250)
        }
      },
      () => {
        choring = false
      }
    )
  }

  const nextMoment = (now: number): number => {
    const moments = [mission.choreAt(), ...mission.wants().map(method => channel.pace.parkedUntil(method, now))]
    if (quietUntil > now) moments.push(quietUntil)
    if (mission.left() > 0 && inFlight === 0 && ending === undefined) moments.push(nextFree(now))
    else if (mission.left() > 0 && ending === undefined && channel.pace.free(now, 'run') === 0)
      moments.push(nextFree(now))
    return Math.min(...moments.filter(moment => moment > now), now + 5000)
  }

  const over = (): boolean => {
    if (inFlight > 0 || choring) return false
    if (abandoned || mission.finished()) return true
    if (ending === undefined) return false
    return !ending.settle || mission.certain() || troubleSince !== undefined
  }

  const prepare = async (): Promise<void> => {
    try {
      await emit(await mission.prepare())
    } catch (error) {
      if (error instanceof PortalFailure) end(failureOf(error))
      else broken(error)
    }
  }

  const finish = async (): Promise<RunState> => {
    if (abandoned) return state
    const done = mission.finished()
    const status: FinalStatus = done ? 'completed' : (ending?.status ?? 'failed')
    const failure = done ? null : (ending?.failure ?? null)
    const event: RunEvent = { type: 'run.finished', at: clock.now(), status, failure }
    try {
      await emit([event])
    } catch (error) {
      // The end could not be written: it is shown all the same, and found again by the journal's own rules at the next start.
      if (!(error instanceof AppError || error instanceof LeaseLost)) throw error
      deps.show(state, notLive)
    }
    return state
  }

  return {
    end,
    async run() {
      await prepare()
      for (;;) {
        const now = clock.now()
        pump(now)
        tend(now)
        if (over()) break
        deps.show(state, live(clock.now()))
        await bell.wait(nextMoment(clock.now()))
      }
      const final = await finish()
      if (crashed !== undefined) throw crashed
      return final
    }
  }
}
