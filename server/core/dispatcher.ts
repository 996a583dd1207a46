// How large the next batch is and how many requests may be under way, from what the portal's own answers say.
// Must stay true: pure arithmetic over what it was told; what is under way is answered long before a request's time is up.
import { cutBatch, SKEW, wholeGroups } from './cut.ts'
import type { Load } from './load.ts'

export const MAX_IN_FLIGHT = 48
/** Rows a request of a short run carries without anything being known of the portal. */
const SMALL = 8
/** The first wave of a long run: enough to measure, cheap in requests. */
const PROBES = 6
const PROBE_ROWS = 2
/** Of the requests that a long run has to spare, this share goes into a second small wave: how many it works on at once is worth knowing early. */
const SPENT_ON_PROBES = 0.5
/** What is under way is done within this share of the longest request by the workers that were seen: room to find more of them. */
const QUEUE = 0.4
/** An answer that waited longer than this share of its own work stood in a queue. */
const QUEUED = 0.2
/** Requests under way beyond what the portal works on at once, in parts of what is on the wire: so that no worker waits for us. */
const AHEAD = 2
/** Where the request bucket decides how long a run takes: under way is this much more than would just get through. */
const ENOUGH = 1.5
/** And that is so when the bucket takes longer than this many batches. */
const LONG = 4

/** An answer, with the load that lay at the portal when its request was sent, itself included. */
export interface Measure extends Load {
  readonly commands: number
  /** Portal's own seconds for the request. */
  readonly duration: number
  /** Wall seconds on our side. */
  readonly elapsed: number
}

export interface Situation extends Load {
  /** Rows that are neither settled nor under way. */
  readonly left: number
  /** Requests that the pace allows now. */
  readonly free: number
}

export interface Dispatcher {
  /** Rows for the next batch: 0 = send nothing now. */
  size(situation: Situation): number
  measured(measure: Measure): void
  /** A request failed: be careful. */
  failed(): void
}

/** What is known of a portal's speed; outlives a run, so that only the first one has to measure before it trusts. */
export interface Speed {
  /** Seconds that one command takes, by kind of run. */
  readonly perCommand: Map<string, number>
  /** Requests that the portal works on at once, as answers say that had to wait for a worker. */
  workers: number | undefined
  /** The most requests under way that were seen without a queue. */
  unqueued: number
  /** Shortest time that an answer spent outside the portal's own work. */
  latency: number
}

export const unknownSpeed = (): Speed => ({
  perCommand: new Map(),
  workers: undefined,
  unqueued: 0,
  latency: Number.POSITIVE_INFINITY
})

/** Requests that the portal works on at once; undefined as long as none had to wait. */
export const workersOf = ({ workers, unqueued }: Speed): number | undefined =>
  workers === undefined ? undefined : Math.max(workers, unqueued)

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

const smooth = (before: number | undefined, now: number): number =>
  before === undefined ? now : before * 0.8 + now * 0.2

export const createDispatcher = ({ speed, kind, grain, requestSeconds, rate }: DispatcherOptions): Dispatcher => {
  let probes = PROBES
  let secondWave: number | undefined
  let careful = MAX_IN_FLIGHT

  /** Rows that may be under way: the last one's answer must come long before it is given up, also if no more workers work than were seen. */
  const rowsAllowed = (perCommand: number): number => {
    const seen = Math.max(1, workersOf(speed) ?? speed.unqueued)
    return Math.max(SMALL, (requestSeconds * QUEUE * seen) / perCommand)
  }

  /** Small batches while the portal is unknown. */
  const explore = ({ left, free, inFlight }: Situation): number => {
    const share = wholeGroups((left / free) * SKEW, grain)
    if (share <= SMALL) return share
    if (probes === 0) return inFlight === 0 ? SMALL : 0
    probes -= 1
    return PROBE_ROWS
  }

  return {
    size(situation) {
      const { left, free, inFlight, rowsInFlight } = situation
      if (left <= 0 || free < 1 || inFlight >= careful) return 0
      const perCommand = speed.perCommand.get(kind)
      if (perCommand === undefined) return explore(situation)
      const workers = workersOf(speed)
      const abreast = workers ?? Math.min(MAX_IN_FLIGHT, free + inFlight)
      const { size, cap, requests } = cutBatch({ left, free, rate, perCommand, abreast, requestSeconds, grain })
      if (workers === undefined) {
        const long = left * perCommand > requestSeconds * speed.unqueued
        secondWave ??= long ? Math.max(0, Math.floor((requests - left / cap) * SPENT_ON_PROBES)) : 0
        if (secondWave > 0) {
          secondWave -= 1
          return PROBE_ROWS
        }
      }
      // Where the bucket decides, no more than gets through in its time.
      const bucketSeconds = Math.max(0, left / cap - free) / rate
      const enough =
        bucketSeconds > LONG * cap * perCommand
          ? Math.ceil((ENOUGH * left * perCommand) / bucketSeconds) + 1
          : MAX_IN_FLIGHT
      const onTheWire = Math.min(1, speed.latency / (size * perCommand))
      const busy = workers === undefined ? MAX_IN_FLIGHT : Math.ceil(workers * (1 + AHEAD * onTheWire) + 0.01)
      if (inFlight >= Math.min(busy, enough)) return 0
      return inFlight > 0 && rowsInFlight + size > rowsAllowed(perCommand) ? 0 : size
    },
    measured({ commands, duration, elapsed, inFlight, rowsInFlight }) {
      if (commands === 0) return
      careful = Math.min(MAX_IN_FLIGHT, careful + 1)
      const each = duration / commands
      speed.perCommand.set(kind, smooth(speed.perCommand.get(kind), each))
      speed.latency = Math.min(speed.latency, Math.max(0, elapsed - duration))
      const served = elapsed - speed.latency
      const queued = served - duration > Math.max(QUEUED * duration, 0.02)
      // Little's law: the work that was under way, over the time that it took; whoever waited saw fewer workers than requests.
      const working = Math.max(1, Math.min(queued ? inFlight - 1 : inFlight, (rowsInFlight * each) / served))
      if (!queued) {
        speed.unqueued = Math.max(speed.unqueued, working)
        // Every worker is taken and still nobody waits: there are more. Doubles with every round of answers.
        if (speed.workers !== undefined && inFlight >= speed.workers) speed.workers += 1
      } else {
        speed.workers = smooth(speed.workers, working)
        if (inFlight <= speed.unqueued) speed.unqueued = smooth(speed.unqueued, working)
      }
    },
    failed() {
      careful = Math.max(1, Math.floor(Math.min(careful, (workersOf(speed) ?? MAX_IN_FLIGHT) * 2) / 2))
    }
  }
}
