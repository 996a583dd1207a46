// How many requests and how long a piece of work takes, and which limit decides: the model behind the estimate and the time left.
// Must stay true: pure; it cuts batches as the dispatcher does, and lets them wait for the bucket as the pace does.
import { guidedCut, idleTimes, wholeGroups } from './cut.ts'
import { MAX_IN_FLIGHT } from './dispatcher.ts'
import type { UnderWay } from './load.ts'
import { type Speed, secondsPerCommand, seenWorkers, workersOf } from './speed.ts'

/** As long as nothing was measured: a cloud portal's usual time of a command, and requests at once. */
const USUAL_SECONDS = 0.15
const USUAL_WORKERS = 8

/** What decides how long it takes: the portal's own work, the request bucket, or a method's operating time. */
export type LimitName = 'portal' | 'requests' | 'operating'

/** A method's operating time. Seconds. */
export interface Budget {
  /** What is left of it now. */
  readonly left: number
  /** What there is in a window. */
  readonly limit: number
  readonly window: number
  /** Until some of it comes back. */
  readonly resetIn: number
  /** The portal has shown its limit; otherwise the documented one is believed. */
  readonly proven: boolean
}

export interface ForecastInput {
  /** Commands still to be executed, by method. */
  readonly commands: ReadonlyMap<string, number>
  /** Undefined where the portal does not count a method's operating time. */
  readonly budgetOf: (method: string) => Budget | undefined
  readonly kind: string
  readonly grain: number
  readonly speed: Speed
  readonly free: number
  readonly rate: number
  readonly requestSeconds: number
  /** Unix ms, and what lies at the portal then, oldest first; `commands` are to come after it. */
  readonly now: number
  readonly load: readonly UnderWay[]
}

export interface Forecast {
  readonly requests: number
  readonly seconds: number
  readonly limit: LimitName
  /** False: the portal's speed is not known yet, usual values were taken. */
  readonly measured: boolean
}

/** Seconds until a method has got through so much work; the rest of the last window is worked on with `parallel` commands at once. */
const operatingSeconds = (work: number, { left, limit, window, resetIn }: Budget, parallel: number): number => {
  if (work <= left) return work / parallel
  const windows = Math.ceil((work - left) / limit)
  return resetIn + (windows - 1) * window + (work - left - (windows - 1) * limit) / parallel
}

export const forecast = (input: ForecastInput): Forecast => {
  const { commands, budgetOf, kind, grain, speed, rate, requestSeconds } = input
  const known = secondsPerCommand(speed, kind)
  const perCommand = known ?? USUAL_SECONDS
  const workers = Math.min(MAX_IN_FLIGHT, workersOf(speed) ?? Math.max(seenWorkers(speed), USUAL_WORKERS))
  const latency = Number.isFinite(speed.latency) ? speed.latency : 0
  // When each worker has nothing to do, soonest first.
  const idle = idleTimes(workers, input.load, { perCommand, latency, now: input.now })
  let left = [...commands.values()].reduce((sum, count) => sum + count, 0)
  let requests = 0
  let tokens = input.free
  let now = 0
  let waited = 0
  while (left > 0) {
    const soonest = Math.max(now, idle[0] ?? 0)
    tokens += (soonest - now) * rate
    now = soonest
    if (tokens < 1) {
      const pause = (1 - tokens) / rate
      waited += pause
      now += pause
      tokens = 1
    }
    const share = guidedCut({ left, free: tokens, rate, perCommand, idleIn: idle, requestSeconds }).size
    const size = wholeGroups(Math.max(1, Math.min(share, Math.max(left / workers, left / tokens))), grain)
    const ends = now + Math.min(size, left) * perCommand
    idle.shift()
    const place = idle.findIndex(at => at > ends)
    idle.splice(place < 0 ? idle.length : place, 0, ends)
    left -= size
    requests += 1
    tokens -= 1
  }
  const last = idle.at(-1) ?? 0
  const bySending = last === 0 ? 0 : last + latency
  let byOperating = 0
  for (const [method, count] of commands) {
    const budget = budgetOf(method)
    if (budget === undefined || count * perCommand <= budget.left) continue
    byOperating = Math.max(byOperating, operatingSeconds(count * perCommand, budget, workers / commands.size) + latency)
  }
  const seconds = Math.max(bySending, byOperating)
  const limit = byOperating > bySending ? 'operating' : waited > bySending / 4 ? 'requests' : 'portal'
  return { requests, seconds, limit, measured: known !== undefined }
}
