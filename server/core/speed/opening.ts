// How a run begins at a portal where no run has been: small, until the first answer tells how long its commands take.
// Must stay true: pure; what goes out blindly is never more than one slow worker gets through before a request's time is up.
import { largestBatch, wholeGroups } from './cut.ts'
import type { UnderWay } from './load.ts'

/** As long as nobody has had to wait, no more than this is under way: something is to be left to level the end with. */
export const UNKNOWN_IN_FLIGHT = 32
/** Rows of a small request, which soon tells how long a command takes and whether it had to wait. */
export const PROBE_ROWS = 2
/** Rows that a request of a short run carries without anything being known. */
const SMALL = 8
/** A long run begins with so many small ones at least: enough to measure, cheap in requests. */
const FEWEST = 2

export interface Opening {
  /** Rows that are neither settled nor under way. */
  readonly left: number
  /** Requests that may go now, and per second later. */
  readonly free: number
  readonly rate: number
  /** What lies at the portal, oldest first. */
  readonly load: readonly UnderWay[]
  /** Seconds that a read takes; undefined: none was answered yet. */
  readonly perRead: number | undefined
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
  /** Rows come in groups of this size. */
  readonly grain: number
}

/** Requests that the run can do without if writes take as long as reads, and the portal works on many of them at once. */
const spareRequests = ({ left, free, rate, load, perRead = 0, requestSeconds }: Opening): number =>
  free + load.length + (rate * left * perRead) / UNKNOWN_IN_FLIGHT - left / largestBatch(perRead, requestSeconds)

/** Rows of the next batch as long as no write was answered; 0: wait for the answers. */
export const openingSize = (opening: Opening): number => {
  const { left, free, load, grain } = opening
  const share = wholeGroups(left / Math.max(1, Math.min(free, UNKNOWN_IN_FLIGHT - load.length)), grain)
  if (share <= SMALL) return share
  // Many small ones find many workers at once, where there are requests to spare; one more has to be left for each worker.
  const many = free > UNKNOWN_IN_FLIGHT && spareRequests(opening) >= UNKNOWN_IN_FLIGHT
  return many || load.length < FEWEST ? PROBE_ROWS : 0
}
