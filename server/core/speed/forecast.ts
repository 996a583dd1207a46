// How many requests and how long a piece of work takes, and which limit decides: the model behind the estimate and the time left.
// Must stay true: pure; it cuts batches as the dispatcher does, and lets them wait for the bucket as the pace does.
import { guidedCut, idleTimes, plannedEnd, type Supply, wholeGroups } from './cut.ts'
import { MAX_IN_FLIGHT } from './dispatcher.ts'
import { rowsOf, type UnderWay } from './load.ts'
import { UNKNOWN_IN_FLIGHT } from './opening.ts'
import { someWait } from './punctuality.ts'
import { type Speed, secondsPerCommand, workersOf } from './speed.ts'
import type { Return } from './spent.ts'

/** As long as nothing was measured: a cloud portal's usual time of a command, and requests at once. */
const USUAL_SECONDS = 0.15
const USUAL_WORKERS = 8
/** Operating time is looked at in parts of its window, and in pieces of at least so many seconds. */
const STEPS = 60
const SLICE = 1

/** What decides how long it takes: the portal's own work, the request bucket, or a method's operating time. */
export type LimitName = 'portal' | 'requests' | 'operating'

/** A method's operating time. Seconds. */
export interface Budget {
  /** What is left of it now. */
  readonly left: number
  /** What there is in a window. */
  readonly limit: number
  readonly window: number
  /** Used by commands whose answers we have not seen. */
  readonly unheard: number
  /** When what is used comes back, soonest first. */
  readonly returns: readonly Return[]
  /** The portal has shown its limit; otherwise the documented one is believed. */
  readonly proven: boolean
}

export interface ForecastInput {
  /** Commands that are not answered yet, by method. */
  readonly commands: ReadonlyMap<string, number>
  /** Undefined where the portal does not count a method's operating time. */
  readonly budgetOf: (method: string) => Budget | undefined
  readonly kind: string
  readonly grain: number
  readonly speed: Speed
  readonly free: number
  readonly rate: number
  readonly requestSeconds: number
  /** Steady ms, and what lies at the portal then, oldest first. */
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

/** Seconds until a method has got through so much work, with `parallel` commands at once; what they use comes back a window later. */
const operatingSeconds = (work: number, { left, window, returns }: Budget, parallel: number): number => {
  const coming = [...returns]
  let now = 0
  let free = left
  for (let todo = work, next = 0; ; ) {
    for (let back = coming[next]; back !== undefined && back.in <= now; back = coming[next]) {
      free += back.seconds
      next += 1
    }
    const until = coming[next]?.in ?? Number.POSITIVE_INFINITY
    const done = Math.min(todo, free, Math.max(Math.min(until - now, window / STEPS) * parallel, SLICE))
    todo -= done
    if (todo <= 1e-6) return now + done / parallel
    if (done <= 1e-6) {
      // Nothing comes back of what was never used: the limit is smaller than one command.
      now = Number.isFinite(until) ? until : now + window
      if (!Number.isFinite(until)) free += SLICE
      continue
    }
    free -= done
    now += done / parallel
    coming.push({ in: now + window, seconds: done })
  }
}

/** How the rows go out. Seconds: when the last worker is done, and how much of it the bucket was waited for. */
const sending = (supply: Supply): { requests: number; last: number; waited: number } => {
  const { rate, perCommand, requestSeconds, grain } = supply
  const workers = supply.idleIn.length
  const idle = [...supply.idleIn]
  let { left, free } = supply
  let requests = 0
  let now = 0
  let waited = 0
  while (left > 0) {
    const rest = { ...supply, left, free, idleIn: idle.map(at => Math.max(0, at - now)) }
    const end = plannedEnd(rest)
    if (end !== undefined) {
      waited += end.seconds - (plannedEnd({ ...rest, free: Number.POSITIVE_INFINITY })?.seconds ?? 0)
      return { requests: requests + end.requests, last: Math.max(idle.at(-1) ?? 0, now + end.seconds), waited }
    }
    const soonest = Math.max(now, idle[0] ?? 0)
    free += (soonest - now) * rate
    now = soonest
    if (free < 1) {
      const pause = (1 - free) / rate
      waited += pause
      now += pause
      free = 1
    }
    const share = guidedCut({ left, free, rate, perCommand, idleIn: idle, requestSeconds }).size
    const size = wholeGroups(Math.max(1, Math.min(share, Math.max(left / workers, left / free))), grain)
    const ends = now + Math.min(size, left) * perCommand
    idle.shift()
    const place = idle.findIndex(at => at > ends)
    idle.splice(place < 0 ? idle.length : place, 0, ends)
    left -= size
    requests += 1
    free -= 1
  }
  return { requests, last: idle.at(-1) ?? 0, waited }
}

export const forecast = (input: ForecastInput): Forecast => {
  const { commands, budgetOf, kind, grain, speed, rate, requestSeconds } = input
  const known = secondsPerCommand(speed, kind)
  const perCommand = known ?? USUAL_SECONDS
  const latency = Number.isFinite(speed.latency) ? speed.latency : 0
  // As long as nobody seems to wait, all that lies there is worked on.
  const atWork = someWait(input.load, { perCommand, latency, now: input.now })
    ? 0
    : Math.max(...input.load.map(({ ahead }) => Math.min(ahead + 1, UNKNOWN_IN_FLIGHT)), 0)
  const workers = Math.min(MAX_IN_FLIGHT, workersOf(speed) ?? Math.max(speed.seenWorkers, atWork, USUAL_WORKERS))
  // When each worker has nothing to do, soonest first.
  const idleIn = idleTimes(workers, input.load, { perCommand, latency, now: input.now })
  const rows = [...commands.values()].reduce((sum, count) => sum + count, 0) - rowsOf(input.load)
  const supply = { left: rows, free: input.free, rate, perCommand, idleIn, requestSeconds, grain }
  const { requests, last, waited } = sending(supply)
  const bySending = rows + rowsOf(input.load) === 0 ? 0 : last + latency / 2
  let byOperating = 0
  for (const [method, count] of commands) {
    const budget = budgetOf(method)
    if (budget === undefined) continue
    // Commands that are done, but whose batch is not, are counted by the portal already.
    const work = count * perCommand - Math.min(budget.unheard, rowsOf(input.load) * perCommand)
    if (work <= budget.left) continue
    byOperating = Math.max(byOperating, operatingSeconds(work, budget, workers / commands.size) + latency)
  }
  const seconds = Math.max(bySending, byOperating)
  const limit = byOperating > bySending ? 'operating' : waited > bySending / 4 ? 'requests' : 'portal'
  return { requests, seconds, limit, measured: known !== undefined }
}
