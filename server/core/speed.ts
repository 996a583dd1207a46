// What answers say of a portal's speed: seconds per command, requests worked on at once, time on the wire.
// Must stay true: learned from answers only; an estimate falls as soon as answers come too slowly for it.
import type { Answer } from './answer.ts'
import type { BatchReply } from './portal.ts'

/** An answer that waited longer than this share of its own work stood in a queue. */
const QUEUED = 0.2
/** A portal with a coarse clock may say that a command took no time at all: nothing can be planned with that. */
const SHORTEST = 1e-6
/** Newest answers that say how many the portal works on: the last of a wave that began together counts all of it. */
const REMEMBERED = 48
/** Share of those that waited which may have been late for another reason (delivered twice, held up on the way). */
const ODD = 1 / 8
/** Fewer of them say how fast it gets through all that lies there: what slows it down is to be noticed soon. Each is a little too low. */
const FLOWS = 16
const FLOW = 1.1

/** What is known of a portal's speed; outlives a run, so that only the first one has to measure before it trusts. */
export interface Speed {
  /** Seconds that one command takes, by kind of run. */
  readonly perCommand: Map<string, number>
  /** Seconds that a read takes: all that is known before the first run. */
  perRead: number | undefined
  /** How many requests the portal worked on at once: what the newest answers say. */
  readonly abreast: { readonly count: number; readonly ahead: number; readonly queued: boolean }[]
  /** How many it must have worked on to get through what lay there, in the time that an answer took; infinite where none had to wait. */
  readonly flow: number[]
  /** Shortest time that an answer spent outside the portal's own work. */
  latency: number
}

export const unknownSpeed = (): Speed => ({
  perCommand: new Map(),
  perRead: undefined,
  abreast: [],
  flow: [],
  latency: Number.POSITIVE_INFINITY
})

/** Seconds that a command of this kind of run takes; as long as none was seen, as long as one of another kind. */
export const secondsPerCommand = ({ perCommand }: Speed, kind: string): number | undefined =>
  perCommand.get(kind) ?? [...perCommand.values()][0]

/**
 * Requests that began together. Where answers crowd at our door, one that waited seems to have begun while others still went on:
 * but the portal works on no more than lay before one that had to wait, and on as many as began at once.
 */
const countOf = (abreast: Speed['abreast']): number => {
  let atOnce = 1
  let seen = 1
  const before: number[] = []
  for (const { count, ahead, queued } of abreast) {
    if (queued) {
      seen = Math.max(seen, count)
      before.push(ahead)
    } else atOnce = Math.max(atOnce, count)
  }
  before.sort((one, other) => one - other)
  const most = before[Math.ceil(before.length * ODD) - 1] ?? Number.POSITIVE_INFINITY
  return Math.max(atOnce, Math.min(seen, most))
}

/** Requests that the portal was seen to work on at once; fewer, also less than one, where answers come too slowly for so many. */
export const throughput = ({ abreast, flow }: Speed): number =>
  Math.min(countOf(abreast), flow.length === 0 ? 1 : Math.max(...flow) * FLOW)

/** Requests that the portal was seen to work on at once, at least 1. */
export const seenWorkers = (speed: Speed): number => Math.max(1, Math.ceil(throughput(speed)))

/** Requests that the portal works on at once; undefined as long as none had to wait: then there may be more. */
export const workersOf = (speed: Speed): number | undefined =>
  speed.abreast.some(({ queued }) => queued) ? seenWorkers(speed) : undefined

/** True when none of the newest answers had to wait: the portal may work on more than it was seen to. */
export const noneWaited = ({ flow }: Speed): boolean => flow.length === FLOWS && !flow.some(Number.isFinite)

const remember = <T>(list: T[], item: T, most: number): void => {
  list.push(item)
  if (list.length > most) list.shift()
}

const smooth = (before: number | undefined, now: number): number =>
  before === undefined ? now : before * 0.8 + now * 0.2

/** Seconds per command of a reply; undefined where none was executed. */
const eachOf = ({ duration, times }: BatchReply): number | undefined =>
  times.size === 0 ? undefined : Math.max(SHORTEST, duration / times.size)

/** Takes an answer to reads into account. `elapsed`: seconds from sending to the answer. */
export const learnReads = (speed: Speed, reply: BatchReply, elapsed: number): void => {
  const each = eachOf(reply)
  if (each === undefined) return
  speed.perRead = smooth(speed.perRead, each)
  speed.latency = Math.min(speed.latency, Math.max(0, elapsed - reply.duration))
}

/** Takes an answer to a batch of this kind of run into account. */
export const learnSpeed = (speed: Speed, kind: string, answer: Answer): void => {
  const { reply, elapsed, abreast, ahead, passed, rowsInFlight } = answer
  const { duration } = reply
  const each = eachOf(reply)
  if (each === undefined) return
  speed.perCommand.set(kind, smooth(speed.perCommand.get(kind), each))
  speed.latency = Math.min(speed.latency, Math.max(0, elapsed - duration))
  const served = Math.max(elapsed - speed.latency, duration, 1e-6)
  const queued = passed > 0 && served - duration > Math.max(QUEUED * duration, 0.02)
  // An answer that came at once says of no limit.
  remember(speed.flow, queued ? (rowsInFlight * each) / served : Number.POSITIVE_INFINITY, FLOWS)
  if (queued || abreast > seenWorkers(speed)) remember(speed.abreast, { count: abreast, ahead, queued }, REMEMBERED)
}
