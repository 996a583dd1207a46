// How large the next batch is and how many requests may be under way, from what the portal's own answers say.
// Must stay true: pure arithmetic over what it was told; what is under way is answered long before a request's time is up.
import { cutBatch, SKEW, wholeGroups } from './cut.ts'
import type { UnderWay } from './load.ts'

export const MAX_IN_FLIGHT = 48
/** As long as nobody has had to wait, no more than this is under way: something is to be left to level the end with. */
const UNKNOWN_IN_FLIGHT = 32
/** Rows a request of a short run carries without anything being known of the portal. */
const SMALL = 8
/** A long run begins with so many small ones: enough to measure, cheap in requests. */
const PROBES = 2
const PROBE_ROWS = 2
/** What is under way is done within this share of the longest request by the workers that were seen: room to find more of them. */
const QUEUE = 0.4
/** An answer that waited longer than this share of its own work stood in a queue. */
const QUEUED = 0.2
/** Newest answers that say how many the portal works on: the last of a wave that began together counts all of it. */
const REMEMBERED = 48
/** Requests under way beyond what the portal works on at once, in parts of what is on the wire: so that no worker waits for us. */
const AHEAD = 2
/** An answer that waited longer than a twentieth of the longest request is doubted (settle.ts): nothing is sent to wait so long for a worker. */
const UNDOUBTED = 1 / 25
/** Where the request bucket decides how long a run takes: under way is this much more than would just get through. */
const ENOUGH = 1.5
/** And that is so when the bucket takes longer than this many batches. */
const LONG = 4

/** An answer. */
export interface Measure {
  readonly commands: number
  /** Portal's own seconds for the request. */
  readonly duration: number
  /** Wall seconds on our side. */
  readonly elapsed: number
  /** Requests that the portal worked on when it began with this one, itself included. */
  readonly abreast: number
}

export interface Situation {
  /** Unix ms. */
  readonly now: number
  /** Rows that are neither settled nor under way. */
  readonly left: number
  /** Requests that the pace allows now. */
  readonly free: number
  /** Requests at the portal, oldest first. */
  readonly underWay: readonly UnderWay[]
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
  /** How many requests the portal worked on at once: what the newest answers say. */
  readonly abreast: { readonly count: number; readonly queued: boolean }[]
  /** Shortest time that an answer spent outside the portal's own work. */
  latency: number
}

export const unknownSpeed = (): Speed => ({
  perCommand: new Map(),
  abreast: [],
  latency: Number.POSITIVE_INFINITY
})

/** Requests that the portal was seen to work on at once. */
export const seenWorkers = ({ abreast }: Speed): number => abreast.reduce((most, { count }) => Math.max(most, count), 1)

/** Requests that the portal works on at once; undefined as long as none had to wait: then there may be more. */
export const workersOf = (speed: Speed): number | undefined =>
  speed.abreast.some(({ queued }) => queued) ? seenWorkers(speed) : undefined

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

/** Seconds from now until each worker has nothing to do, soonest first, when requests are worked on in their order. */
export const idleTimes = (
  workers: number,
  underWay: readonly UnderWay[],
  { perCommand, latency, now }: { readonly perCommand: number; readonly latency: number; readonly now: number }
): number[] => {
  const idleIn = new Array<number>(workers).fill(Number.NEGATIVE_INFINITY)
  for (const { rows, since } of underWay) {
    const ends = Math.max(idleIn.shift() ?? 0, (since - now) / 1000 + latency / 2) + rows * perCommand
    const place = idleIn.findIndex(other => other > ends)
    idleIn.splice(place < 0 ? idleIn.length : place, 0, ends)
  }
  return idleIn.map(seconds => Math.max(0, seconds))
}

export const createDispatcher = ({ speed, kind, grain, requestSeconds, rate }: DispatcherOptions): Dispatcher => {
  let careful = MAX_IN_FLIGHT

  /** Rows that may be under way: the last one's answer must come long before it is given up, also if no more workers work than were seen. */
  const rowsAllowed = (perCommand: number, workers: number): number =>
    Math.max(SMALL, (requestSeconds * QUEUE * workers) / perCommand)

  /** Small batches while the portal is unknown. */
  const explore = ({ left, free, underWay }: Situation): number => {
    const share = wholeGroups((left / free) * SKEW, grain)
    if (share <= SMALL) return share
    return underWay.length < PROBES ? PROBE_ROWS : 0
  }

  return {
    size(situation) {
      const { now, left, free, underWay } = situation
      const inFlight = underWay.length
      if (left <= 0 || free < 1 || inFlight >= careful) return 0
      const perCommand = speed.perCommand.get(kind)
      if (perCommand === undefined) return explore(situation)
      const workers = workersOf(speed)
      const abreast = workers ?? Math.max(seenWorkers(speed), UNKNOWN_IN_FLIGHT)
      const idleIn = idleTimes(abreast, underWay, { perCommand, latency: speed.latency, now })
      const { size, cap, requests } = cutBatch({ left, free, rate, perCommand, idleIn, requestSeconds, grain })
      // Where the bucket decides, no more than gets through in its time.
      const bucketSeconds = Math.max(0, left / cap - free) / rate
      const enough =
        bucketSeconds > LONG * cap * perCommand
          ? Math.ceil((ENOUGH * left * perCommand) / bucketSeconds) + 1
          : MAX_IN_FLIGHT
      const onTheWire = Math.min(1, speed.latency / (size * perCommand))
      const busy = Math.floor(abreast * (1 + AHEAD * onTheWire)) + 1
      if (inFlight >= Math.min(busy, enough, MAX_IN_FLIGHT)) return 0
      if (inFlight >= abreast && (idleIn[0] ?? 0) > requestSeconds * UNDOUBTED) return 0
      const rowsInFlight = underWay.reduce((sum, { rows }) => sum + rows, 0)
      if (inFlight === 0 || rowsInFlight + size <= rowsAllowed(perCommand, seenWorkers(speed))) return size
      // No room but for a small one, which soon tells whether it had to wait behind all this.
      const spare = requests > left / cap + 1 && !underWay.some(({ rows }) => rows === PROBE_ROWS)
      return workers === undefined && spare ? PROBE_ROWS : 0
    },
    measured({ commands, duration, elapsed, abreast }) {
      if (commands === 0) return
      careful = Math.min(MAX_IN_FLIGHT, careful + 1)
      speed.perCommand.set(kind, smooth(speed.perCommand.get(kind), duration / commands))
      speed.latency = Math.min(speed.latency, Math.max(0, elapsed - duration))
      const queued = elapsed - speed.latency - duration > Math.max(QUEUED * duration, 0.02)
      if (queued || abreast > seenWorkers(speed)) speed.abreast.push({ count: abreast, queued })
      if (speed.abreast.length > REMEMBERED) speed.abreast.shift()
    },
    failed() {
      careful = Math.max(1, Math.floor(Math.min(careful, (workersOf(speed) ?? MAX_IN_FLIGHT) * 2) / 2))
    }
  }
}
