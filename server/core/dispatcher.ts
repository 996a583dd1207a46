// How large the next batch is and how many requests may be under way, from what the portal's own answers say.
// Must stay true: pure arithmetic over what it was told; what is under way is answered long before a request's time is up.
import type { Answer } from './answer.ts'
import { cutBatch, idleTimes, wholeGroups } from './cut.ts'
import { rowsOf, type UnderWay } from './load.ts'
import { dueUntil, someWait } from './punctuality.ts'
import { learnSpeed, noneWaited, type Speed, secondsPerCommand, seenWorkers, throughput, workersOf } from './speed.ts'

export const MAX_IN_FLIGHT = 48
/** As long as nobody has had to wait, no more than this is under way: something is to be left to level the end with. */
const UNKNOWN_IN_FLIGHT = 32
/** Rows a request of a short run carries without anything being known of the portal. */
const SMALL = 8
/** And by so much more than their average, so that the last ones can be smaller. */
const SMALL_SKEW = 1.7
/** A long run begins with so many small ones: enough to measure, cheap in requests. */
const PROBES = 2
const PROBE_ROWS = 2
/** What is under way is done within this share of the longest request by the workers that were seen: room to find more of them. */
const QUEUE = 0.4
/** Requests under way beyond what the portal works on at once, in parts of what is on the wire: so that no worker waits for us. */
const AHEAD = 2
/** An answer that waited longer than a twentieth of the longest request is doubted (settle.ts): nothing is sent to wait so long for a worker. */
const UNDOUBTED = 1 / 25
/** Where the request bucket decides how long a run takes: under way is this much more than would just get through. */
const ENOUGH = 1.5
/** And that is so when the bucket takes longer than this many batches. */
const LONG = 4

export interface Situation {
  /** Unix ms. */
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
  /** Unix ms at which `size` may have another answer without anything having happened; in the past: none. */
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
  /** The end that the newest batch was cut for; holds for those that go out at the same moment. */
  let plan: { readonly at: number; readonly end: number | undefined } | undefined

  /** Rows that may be under way: the last one's answer must come long before it is given up, also if no more workers work than were seen. */
  const rowsAllowed = (perCommand: number): number =>
    Math.max(SMALL, (requestSeconds * QUEUE * throughput(speed)) / perCommand)

  /** Small batches while the portal is unknown. */
  const explore = ({ left, free, load }: Situation): number => {
    const share = wholeGroups(Math.max((left / free) * SMALL_SKEW, left / UNKNOWN_IN_FLIGHT), grain)
    if (share <= SMALL) return share
    return load.length < PROBES ? PROBE_ROWS : 0
  }

  return {
    size(situation) {
      const { now, left, free, load } = situation
      const inFlight = load.length
      if (left <= 0 || free < 1 || inFlight >= careful) return 0
      const perCommand = secondsPerCommand(speed, kind)
      if (perCommand === undefined) return explore(situation)
      const known = { perCommand, latency: speed.latency, now }
      let workers = workersOf(speed)
      if (workers === undefined && someWait(load, known)) {
        holdUntil = dueUntil(load, known)
        if (holdUntil > now) return 0
        workers = seenWorkers(speed)
      }
      const abreast = workers ?? Math.max(seenWorkers(speed), UNKNOWN_IN_FLIGHT)
      const idleIn = idleTimes(abreast, load, known)
      const supply = { left, free, rate, perCommand, idleIn, requestSeconds, grain }
      const { size, cap, requests, end } = cutBatch(supply, plan?.at === now ? plan.end : undefined)
      plan = { at: now, end }
      // Where the bucket decides, no more than gets through in its time.
      const bucketSeconds = Math.max(0, left / cap - free) / rate
      const enough =
        bucketSeconds > LONG * cap * perCommand
          ? Math.ceil((ENOUGH * left * perCommand) / bucketSeconds) + 1
          : MAX_IN_FLIGHT
      const onTheWire = Math.min(1, speed.latency / (size * perCommand))
      const busy = Math.floor(abreast * (1 + AHEAD * onTheWire)) + 1
      if (inFlight >= Math.min(enough, MAX_IN_FLIGHT)) return 0
      const full = inFlight >= busy || (inFlight >= abreast && (idleIn[0] ?? 0) > requestSeconds * UNDOUBTED)
      const room = inFlight === 0 || rowsOf(load) + size <= rowsAllowed(perCommand)
      if (!full && room) return size
      // No place but for a small one, which soon tells whether it had to wait behind all this: there may be more workers.
      const spare = requests > left / cap + 1 && !load.some(({ rows }) => rows === PROBE_ROWS)
      const ask = full ? noneWaited(speed) && left > cap * abreast : workers === undefined
      return spare && ask ? PROBE_ROWS : 0
    },
    againAt: () => holdUntil,
    measured(answer) {
      plan = undefined
      careful = Math.min(MAX_IN_FLIGHT, careful + 1)
      learnSpeed(speed, kind, answer)
    },
    failed() {
      plan = undefined
      careful = Math.max(1, Math.floor(Math.min(careful, (workersOf(speed) ?? MAX_IN_FLIGHT) * 2) / 2))
    }
  }
}
