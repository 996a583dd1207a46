// How large the next batch is and how many requests may be under way, from what the portal's own answers say.
// Must stay true: pure arithmetic over what it was told; what is under way is answered long before a request's time is up.
import type { Answer } from './answer.ts'
import { cutBatch, idleTimes } from './cut.ts'
import { rowsOf, togetherMs, type UnderWay } from './load.ts'
import { openingSize, PROBE_ROWS, UNKNOWN_IN_FLIGHT } from './opening.ts'
import { dueUntil, someWait } from './punctuality.ts'
import { learnSpeed, noneWaited, type Speed, secondsPerCommand, throughput, workersOf } from './speed.ts'

export const MAX_IN_FLIGHT = 64
/** What is under way is done within this share of the longest request by the workers that were seen: room to find more of them. */
const QUEUE = 0.4
/** A request leaves so many times its time on the wire before a worker has nothing to do, so that none waits for us. */
const AHEAD = 2
/** One more than the portal works on is always under way: a worker may be done sooner than it should. */
const SPARE = 1
/** An answer that waited longer than a twentieth of the longest request is doubted (settle.ts): nothing is sent to wait so long for a worker. */
const UNDOUBTED = 1 / 25
/** Seconds: nobody waits for less. */
const MOMENT = 1e-3
/**
 * What leaves together may arrive in any order. One that is to wait for a worker is held back until those are there that would lose more by being
 * overtaken than so many times on the wire.
 */
const WORTH_HOLDING = 2
/** Where the request bucket decides how long a run takes: under way is this much more than would just get through. */
const ENOUGH = 1.5
/** And that is so when the bucket takes longer than this many batches. */
const LONG = 4

export interface Situation {
  /** Steady ms. */
  readonly now: number
  /** Rows that are neither settled nor under way. */
  readonly left: number
  /** Requests that the pace allows now. */
  readonly free: number
  /** What lies at the portal, oldest first. */
  readonly load: readonly UnderWay[]
}

export interface Dispatcher {
  /** Rows for the next batch: 0 = send nothing now. */
  size(situation: Situation): number
  /** Steady ms at which `size` may have another answer without anything having happened; in the past: none. */
  againAt(): number
  measured(answer: Answer): void
  /** A request failed: be careful. */
  failed(): void
}

export interface DispatcherOptions {
  readonly speed: Speed
  /** Whose time per command counts. */
  readonly kind: string
  /** Rows come in groups of this size (a company and its contact: 2). */
  readonly grain: number
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
  /** Requests that the portal's bucket gives back per second. */
  readonly rate: number
}

export const createDispatcher = ({ speed, kind, grain, requestSeconds, rate }: DispatcherOptions): Dispatcher => {
  let careful = MAX_IN_FLIGHT
  let holdUntil = 0

  /** Rows that may be under way: the last one's answer must come long before it is given up, also if no more workers work than were seen. */
  const rowsAllowed = (perCommand: number): number =>
    Math.max(1, (requestSeconds * QUEUE * throughput(speed)) / perCommand)

  return {
    size(situation) {
      const { now, left, free, load } = situation
      const inFlight = load.length
      if (left <= 0 || free < 1 || inFlight >= careful) return 0
      const perCommand = secondsPerCommand(speed, kind)
      if (perCommand === undefined) {
        return openingSize({ left, free, rate, load, perRead: speed.perRead, requestSeconds, grain })
      }
      const known = { perCommand, latency: speed.latency, now }
      const counted = workersOf(speed)
      let workers = counted
      if (counted === undefined && someWait(load, known)) {
        holdUntil = dueUntil(load, known)
        if (holdUntil > now) return 0
        workers = speed.seenWorkers
      }
      const abreast = workers ?? Math.max(speed.seenWorkers, UNKNOWN_IN_FLIGHT)
      const idleIn = idleTimes(abreast, load, known)
      const supply = { left, free, rate, perCommand, idleIn, requestSeconds, grain }
      const { size, cap, requests } = cutBatch(supply)
      // Where the bucket decides, no more than gets through in its time.
      const bucketSeconds = Math.max(0, left / cap - free) / rate
      const enough =
        bucketSeconds > LONG * cap * perCommand
          ? Math.ceil((ENOUGH * left * perCommand) / bucketSeconds) + 1
          : MAX_IN_FLIGHT
      if (inFlight >= Math.min(enough, MAX_IN_FLIGHT)) return 0
      const idle = idleIn[0] ?? 0
      const tooEarly = idle - AHEAD * speed.latency
      const crowd = idle > requestSeconds * UNDOUBTED ? abreast : abreast + SPARE
      const full = inFlight >= crowd && tooEarly > MOMENT
      if (full) holdUntil = now + tooEarly * 1000
      /** Whoever is to wait comes behind the others, not among them. */
      const behind = (other: UnderWay | undefined, ms: number, rows: number): number => {
        const from = (other?.since ?? 0) + ms
        if (from > now) holdUntil = from
        return from > now ? 0 : rows
      }
      const room = inFlight === 0 || rowsOf(load) + size <= rowsAllowed(perCommand)
      if (!full && room) {
        const longer = load.findLast(({ rows }) => (rows - size) * perCommand > WORTH_HOLDING * speed.latency)
        return inFlight < abreast ? size : behind(longer, speed.latency * 1000, size)
      }
      // No place but for a small one, which soon tells whether it had to wait behind all this: there may be more workers.
      const spare = requests > left / cap + 1 && !load.some(({ rows }) => rows === PROBE_ROWS)
      const ask = full ? noneWaited(speed) && left > cap * abreast : workers === undefined
      return spare && ask ? behind(load.at(-1), togetherMs(speed.latency) + 1, PROBE_ROWS) : 0
    },
    againAt: () => holdUntil,
    measured(answer) {
      careful = Math.min(MAX_IN_FLIGHT, careful + 1)
      learnSpeed(speed, kind, answer)
    },
    failed() {
      careful = Math.max(1, Math.floor(Math.min(careful, (workersOf(speed) ?? MAX_IN_FLIGHT) * 2) / 2))
    }
  }
}
