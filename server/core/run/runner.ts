// Executes one operation: dispatch, send, settle, journal, cancel. One instance = one attempt of one run.
// Must stay true: `batch.sent` is on disk before the request leaves; what came back is on disk before it is shown.

import type { Channel } from '../channel.ts'
import { type Clock, createBell, dateOf } from '../clock.ts'
import { AppError } from '../errors.ts'
import { PortalFailure } from '../portal.ts'
import type { Answer } from '../speed/answer.ts'
import type { Dispatcher } from '../speed/dispatcher.ts'
import { secondsLeft } from '../speed/estimate.ts'
import { createLoadCounter } from '../speed/load.ts'
import { createChores } from './chores.ts'
import { createDurable, type Store } from './durable.ts'
import { type Ending, failedBy, internalError, removed, together, unwritten } from './ending.ts'
import { applyRunEvent, type LiveState, notLive, type RunState, withConsequences } from './fold.ts'
import { LeaseLost, RunErased } from './journal.ts'
import type { Batch, Mission } from './mission.ts'
import { nextBatch, trafficNow } from './next-batch.ts'
import { createPatience } from './patience.ts'
import type { FinalStatus, RunEvent, RunFailure } from './run.ts'
import { describeWaiting } from './waiting.ts'

/** A write takes milliseconds; one that takes so long waits for something, which is worth a word. */
const SLOW_WRITE_MS = 1000
/** How often an end that could not be written is tried again. */
const WRITE_AGAIN_MS = 1000
/** Batches prepared in one go: the first ones leave while the next are prepared. */
const AT_ONCE = 4

/** Our own code of a portal that has removed the application, which another process may have heard of. */
const REMOVED = 'NOT_INSTALLED'

export interface RunnerDeps {
  readonly mission: Mission
  readonly channel: Channel
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly random: () => number
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
  readonly initial: RunState
  readonly firstBatch: number
  /** Resolves while this process may send. @throws {LeaseLost} */
  readonly confirm: () => Promise<void>
  /** @throws {AppError} STORAGE_FAILED, {LeaseLost} */
  readonly write: Store
  /** It has ended, and that could not be written: it is tried again. Undefined: now it is written. */
  readonly unwritten: (error: AppError | undefined) => void
  readonly show: (state: RunState, live: (state: RunState) => LiveState) => void // `live`: asked when somebody looks
}

export interface Runner {
  /**
   * Resolves when the run has ended and its end is on disk. One that cannot be written is shown, and tried again until it can,
   * or until somebody who cannot wait ends it.
   */
  run(): Promise<void>
  /** Ends the run early; the first ending counts, but a later one that settles nothing cuts its look-ups off. */
  end(ending: Ending): void
}

export const createRunner = (deps: RunnerDeps): Runner => {
  const { mission, channel, dispatcher, clock, random } = deps
  const bell = createBell(clock)
  /** What others see. */
  const durable = createDurable(deps.initial, deps.write, clock.steady)
  let { cancelling } = deps.initial
  let batchNumber = deps.firstBatch
  /** Batches that are not settled and journalled yet. */
  let unsettled = 0
  const load = createLoadCounter(() => bell.wake()) // Also what is still being journalled; the channel counts what was sent.
  const outlet = { mission, channel, dispatcher, load }
  let ending: Ending | undefined
  let abandoned = false
  let refused = false // The portal wants nothing of us any more: no look-up can succeed, however the run ends.
  /** Something that happened could not be written: the journal knows less than this process. */
  let forgotten = false
  /** The process stops, or another one has the portal: nothing is tried again. */
  let hurried = false
  const patience = createPatience(random, deps.requestSeconds)

  const end = (next: Ending): void => {
    ending = together(ending, next)
    bell.wake()
  }

  /** The portal can't go on; a run that ends already goes on with its look-ups for as long as they may succeed. */
  const fail = (failure: RunFailure): void => {
    ending ??= failure.code === REMOVED ? removed : failedBy(failure)
    bell.wake()
  }

  const live = (shown: RunState, now = clock.steady()): LiveState => {
    if (shown.status !== 'running') return notLive
    const wait = describeWaiting({
      now,
      idle: unsettled === 0 && !chores.underWay(),
      ending: ending !== undefined,
      mission,
      pace: channel.pace,
      quietUntil: patience.quietUntil()
    })
    const since = durable.writingSince()
    const etaSeconds = secondsLeft(now, shown, load.now(), channel, deps.requestSeconds, mission.closingAt())
    if (since !== null && clock.steady() - since >= SLOW_WRITE_MS)
      return { etaSeconds, waitingUntil: null, waitingFor: 'storage' }
    return { etaSeconds, waitingUntil: wait === null ? null : dateOf(clock, wait.until), waitingFor: wait?.for ?? null }
  }

  /** Tells the mission, journals, then shows. Rejects when nothing was remembered. */
  const emit = async (events: readonly RunEvent[]): Promise<void> => {
    const facts = withConsequences(events, mission.apply)
    if (facts.length === 0) return
    await durable.write(facts)
    deps.show(durable.state(), live)
  }

  /** Storage failed or another process took over. */
  const broken = (error: unknown): void => {
    forgotten = true
    if (error instanceof LeaseLost) abandoned = true
    // The same request that erased it took the tokens: whichever was met first, this is why.
    else if (error instanceof RunErased) ending = removed
    else if (error instanceof AppError) end(failedBy(error))
    else throw error
    bell.wake()
  }

  const trouble = (failure: PortalFailure): void => {
    if (failure.kind === 'blocked') {
      refused = true
      fail(failure)
    } else if (failure.kind !== 'intensity' && failure.kind !== 'operating') {
      dispatcher.failed()
      if (patience.failed(clock.steady(), channel.proven())) fail(failure)
    }
  }

  const deliver = async (batch: Batch): Promise<void> => {
    const number = ++batchNumber
    const place = load.occupy(batch.commands.length, clock.steady())
    await emit([{ type: 'batch.sent', at: clock.now(), batch: number, rows: batch.rows }])
    await deps.confirm()
    const sentAt = clock.steady()
    let result: Answer | { failure: PortalFailure; elapsed: number }
    try {
      // Cancelled while the journal was written: nothing has left, and nothing will.
      if (ending !== undefined) throw new PortalFailure('unreachable', 'NOT_SENT', 'The run was ended before sending')
      result = await channel.send(batch.commands, { halt: batch.halt })
      dispatcher.measured(result)
      patience.worked()
    } catch (error) {
      if (!(error instanceof PortalFailure)) throw error
      result = { failure: error, elapsed: (clock.steady() - sentAt) / 1000 }
      if (ending === undefined) trouble(error)
    } finally {
      place.left(clock.steady())
    }
    const { blocked, ...settlement } = mission.settle(batch, result)
    if (blocked !== null) fail(blocked)
    await emit([{ type: 'batch.settled', at: clock.now(), batch: number, ...settlement }])
  }

  const { confirm, requestSeconds } = deps
  const chores = createChores({ mission, clock, requestSeconds, confirm, emit, worked: patience.worked, trouble })

  let crashed: unknown
  const crash = (error: unknown): void => {
    crashed = error
    end(failedBy(internalError))
  }
  /** Whatever goes wrong in it ends the run as it should. */
  const guarded = (work: Promise<void>): Promise<void> => work.catch(broken).catch(crash)
  const launch = (work: () => Promise<void>, after = (): void => undefined): void => {
    void guarded(work()).finally(() => {
      after()
      bell.wake()
    })
  }

  const settled = (): void => {
    unsettled -= 1
  }

  /** Sends what can go; true when more may go in the next turn of the event loop. */
  const pump = (now: number): boolean => {
    for (let count = 0; ending === undefined && now >= patience.quietUntil(); count += 1) {
      if (count === AT_ONCE) return true
      const batch = nextBatch(outlet, now)
      if (batch === null) return false
      unsettled += 1
      launch(() => deliver(batch), settled)
    }
    return false
  }

  const tend = (now: number): void => {
    const allowed = ending === undefined || (ending.settle && !patience.tried())
    const chore = allowed && now >= patience.quietUntil() ? chores.due(now, ending !== undefined) : null
    if (chore !== null) launch(chore)
  }

  const nextMoment = (now: number): number => {
    const moments = [mission.choreAt(), chores.quietUntil(), patience.quietUntil(), dispatcher.againAt()]
    moments.push(channel.pace.nextAt(now, trafficNow(outlet, now)))
    moments.push((durable.writingSince() ?? now) + SLOW_WRITE_MS)
    for (const method of mission.wants()) moments.push(channel.pace.parkedUntil(method, now))
    return Math.min(...moments.filter(moment => moment > now), now + 5000)
  }

  const over = (): boolean => {
    if (unsettled > 0 || chores.underWay()) return false
    if (abandoned || mission.finished()) return true
    if (ending === undefined) return false
    const nothingLeft = mission.certain() && mission.chore(true) === null
    return !ending.settle || refused || nothingLeft || patience.tried()
  }

  const prepare = async (): Promise<void> => {
    try {
      await emit(await mission.prepare(deps.confirm))
    } catch (error) {
      if (!(error instanceof PortalFailure)) throw error
      fail(error)
    }
  }

  /** @returns why it could not be written, where it is worth another try */
  const writeEnd = async (status: FinalStatus, failure: RunFailure | null): Promise<AppError | undefined> => {
    const last = { type: 'run.finished', at: clock.now(), status, failure } as const
    try {
      await emit([last])
      return undefined
    } catch (error) {
      // Shown all the same, and found again by the journal's own rules at the next start.
      if (!(error instanceof AppError || error instanceof LeaseLost)) throw error
      // Behind a lost lease or a removal there is nothing left to write.
      const again = error instanceof AppError && !(error instanceof RunErased) ? error : undefined
      const erased = error instanceof RunErased ? { status: removed.status, failure: null } : undefined
      const said = again === undefined ? erased : unwritten(again)
      deps.show(applyRunEvent(durable.state(), { ...last, ...said }), () => notLive)
      return again
    }
  }

  const finish = async (): Promise<void> => {
    const done = mission.finished() && !forgotten
    if (abandoned || (ending?.unwritten && !done)) return
    const status: FinalStatus = done ? 'completed' : (ending?.status ?? 'failed')
    const failure = done ? null : (ending?.failure ?? null)
    for (;;) {
      const error = await writeEnd(status, failure)
      deps.unwritten(error)
      if (error === undefined || hurried) return
      await bell.wait(clock.steady() + WRITE_AGAIN_MS)
    }
  }

  return {
    end(next) {
      hurried ||= !next.settle
      end(next)
    },
    async run() {
      await guarded(prepare())
      for (;;) {
        const now = clock.steady()
        const more = pump(now)
        tend(now)
        if (ending?.status === 'cancelled' && !cancelling) {
          cancelling = true
          await guarded(emit([{ type: 'cancel.requested', at: clock.now() }]))
        }
        if (over()) break
        deps.show(durable.state(), live)
        // From this turn's `now`: a moment that has passed since is not overlooked.
        await (more ? clock.sleep(0) : bell.wait(nextMoment(now)))
      }
      await finish()
      if (crashed !== undefined) throw crashed
    }
  }
}
