// What answers say of a portal's speed: seconds per command, requests worked on at once, time on the wire.
// Must stay true: learned from answers only; an estimate falls as soon as answers come too slowly for it.

import type { BatchReply } from '../portal.ts'
import type { Answer } from './answer.ts'

/** An answer that waited longer than this share of its own work stood in a queue; */
const QUEUED = 0.2
/** unless it was held up on the way: for as long as the way takes, or for a moment of ours. */
const HELD_UP_SECONDS = 0.02
/** A portal with a coarse clock may say that a command took no time at all: nothing can be planned with that. */
const SHORTEST = 1e-6
/** What is known of the time of a command weighs as much as so many of them. */
const KNOWN_COMMANDS = 25
/** Newest answers that say how many the portal works on: the last of a wave that began together counts all of it. */
const REMEMBERED = 48
/** So many of them are enough: some crowd at our door, or came in another order than they left. */
const NEARLY = 0.95
/** Answers from which the throughput is estimated; fewer than REMEMBERED, to notice a slowdown soon. */
const FLOWS = 16
/** Correction, because each estimate is a little low. */
const FLOW = 1.1
/** At least so many without a wait mean that there may be more workers. */
const FEWEST = 4

/** What is known of a portal's speed; outlives a run, so that only the first one has to measure before it trusts. */
export interface Speed {
  /** Seconds that one command takes, by kind of run. */
  readonly perCommand: Map<string, number>
  /** Seconds that a read takes: all that is known before the first run. */
  perRead: number | undefined
  /** Between which counts the number of requests is that the portal works on at once, as the newest answers say; `most` is infinite where none had to wait. */
  readonly abreast: { readonly least: number; readonly most: number }[]
  /** What they agree on: requests that the portal was seen to work on at once. */
  seenWorkers: number
  /** How many it must have worked on to get through what lay there, in the time that an answer took; infinite where none had to wait. */
  readonly flow: number[]
  /** Shortest time that an answer spent outside the portal's own work. */
  latency: number
}

export const unknownSpeed = (): Speed => ({
  perCommand: new Map(),
  perRead: undefined,
  abreast: [],
  seenWorkers: 1,
  flow: [],
  latency: Number.POSITIVE_INFINITY
})

/** Seconds that a command of this kind of run takes; as long as none was seen, as long as one of another kind. */
export const secondsPerCommand = ({ perCommand }: Speed, kind: string): number | undefined =>
  perCommand.get(kind) ?? [...perCommand.values()][0]

/**
 * The smallest count on which nearly most of those agree that had to wait, and of those that had not; where there is none, nearly most of all.
 * One that waited knows how many workers there are, the others only that there are not fewer.
 */
const agreedWorkers = (abreast: Speed['abreast']): number => {
  const counts = [...new Set(abreast.map(({ least }) => least))].sort((one, other) => one - other)
  const agreed = (ones: Speed['abreast']): ((count: number) => boolean) => {
    const votes = new Map(
      counts.map(count => [count, ones.filter(({ least, most }) => least <= count && count <= most).length])
    )
    const enough = NEARLY * Math.max(...votes.values())
    return count => (votes.get(count) ?? 0) >= enough
  }
  const waited = agreed(abreast.filter(({ most }) => Number.isFinite(most)))
  const others = agreed(abreast.filter(({ most }) => !Number.isFinite(most)))
  return counts.find(count => waited(count) && others(count)) ?? counts.find(agreed(abreast)) ?? 1
}

/** Requests that the portal gets done at once: as many as it was seen to work on; fewer, also less than one, where answers come too slowly for so many. */
export const throughput = (speed: Speed): number =>
  Math.min(speed.seenWorkers, speed.flow.length === 0 ? 1 : Math.max(...speed.flow) * FLOW)

/** Seconds on the wire; 0 as long as nothing is known. */
export const latencyOf = ({ latency }: Speed): number => (Number.isFinite(latency) ? latency : 0)

/** Requests that the portal works on at once; undefined as long as none had to wait: then there may be more. */
export const workersOf = (speed: Speed): number | undefined =>
  speed.abreast.some(({ most }) => Number.isFinite(most)) ? speed.seenWorkers : undefined

/** True when none of the newest answers had to wait, twice as many as workers were seen: there may be more. */
export const noneWaited = (speed: Speed): boolean => {
  const count = Math.min(FLOWS, Math.max(FEWEST, 2 * speed.seenWorkers))
  return speed.flow.length >= count && !speed.flow.slice(-count).some(Number.isFinite)
}

const remember = <T>(list: T[], item: T, most: number): void => {
  list.push(item)
  if (list.length > most) list.shift()
}

const smooth = (before: number | undefined, now: number, commands: number): number =>
  before === undefined ? now : before + ((now - before) * commands) / (commands + KNOWN_COMMANDS)

/** Seconds per command of a reply; undefined where none was executed. */
const eachOf = ({ duration, times }: BatchReply): number | undefined =>
  times.size === 0 ? undefined : Math.max(SHORTEST, duration / times.size)

/** Takes an answer to reads into account. `elapsed`: seconds from sending to the answer. */
export const learnReads = (speed: Speed, reply: BatchReply, elapsed: number): void => {
  const each = eachOf(reply)
  if (each === undefined) return
  speed.perRead = smooth(speed.perRead, each, reply.times.size)
  speed.latency = Math.min(speed.latency, Math.max(0, elapsed - reply.duration))
}

/**
 * True when a request had to wait for a worker: it began as another one ended, later than anything else explains, and no later than all that lay
 * before it can take.
 */
const hadToWait = (speed: Speed, { reply, elapsed, endedBefore, rowsInFlight }: Answer, each: number): boolean => {
  const { duration, times } = reply
  const wait = elapsed - speed.latency - duration
  const before = (rowsInFlight - times.size) * each
  return (
    endedBefore > 0 &&
    wait > Math.max(QUEUED * duration, HELD_UP_SECONDS, speed.latency) &&
    wait < before * (1 + QUEUED)
  )
}

/** Takes an answer to a batch of this kind of run into account. */
export const learnSpeed = (speed: Speed, kind: string, answer: Answer): void => {
  const { reply, elapsed, least, rowsInFlight } = answer
  const { duration, times } = reply
  const each = eachOf(reply)
  if (each === undefined) return
  speed.perCommand.set(kind, smooth(speed.perCommand.get(kind), each, times.size))
  speed.latency = Math.min(speed.latency, Math.max(0, elapsed - duration))
  const waited = hadToWait(speed, answer, each)
  const served = Math.max(elapsed - speed.latency, duration, SHORTEST)
  // An answer that came at once says of no limit.
  remember(speed.flow, waited ? (rowsInFlight * each) / served : Number.POSITIVE_INFINITY, FLOWS)
  const most = waited ? answer.most : Number.POSITIVE_INFINITY
  if (!waited && least < speed.seenWorkers) return
  remember(speed.abreast, { least, most }, REMEMBERED)
  speed.seenWorkers = agreedWorkers(speed.abreast)
}
