// How many rows go into the next batch when the portal's speed is known: shared by the dispatcher and the forecast.
// Must stay true: pure; never more than 50, never longer than a quarter of what a request may take.

import { COMMANDS_PER_BATCH } from '../portal.ts'
import type { UnderWay } from './load.ts'

/** A batch aims at this share of the longest request: 12 s of the cloud's 60; 15 s where requests are what is scarce. */
const AIM = 1 / 5
const AIM_WHEN_SCARCE = 1 / 4
/** Requests are spread over the rows that are left so that early batches are this much larger than late ones. */
const SKEW = 2
/** The end is planned when no more than so many of the largest batches are left for each worker. */
const PLANNED = 2
/** The end is searched to this fraction of a command. */
const EXACT = 1 / 100

export interface Supply {
  /** Rows that are neither settled nor under way. */
  readonly left: number
  /** Requests that may go now, and per second later. */
  readonly free: number
  readonly rate: number
  /** Seconds of one command. */
  readonly perCommand: number
  /** Seconds from now until each of the portal's workers has nothing to do, soonest first. */
  readonly idleIn: readonly number[]
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
  /** Rows come in groups of this size (a company and its contact: 2). */
  readonly grain: number
}

export interface Cut {
  /** Rows of the next batch. */
  readonly size: number
  /** Rows that a batch may have at most. */
  readonly cap: number
  /** Requests that there will be until the end. */
  readonly requests: number
}

/** Rows that a batch may have at this time per command. */
export const largestBatch = (perCommand: number, requestSeconds: number, aim = AIM): number =>
  Math.max(1, Math.min(COMMANDS_PER_BATCH, Math.floor((requestSeconds * aim) / Math.max(perCommand, 1e-6))))

/** Rows of as many whole groups as fit. */
const fitting = (rows: number, grain: number): number => Math.floor(rows / grain + 1e-9) * grain

/** `rows`, rounded up to whole groups. */
export const wholeGroups = (rows: number, grain: number): number => Math.ceil(rows / grain - 1e-9) * grain

/**
 * Seconds from now until each worker has nothing to do, soonest first. Requests are worked on in their order:
 * one begins as soon as fewer than all workers are busy with older ones.
 */
export const idleTimes = (
  workers: number,
  load: readonly UnderWay[],
  { perCommand, latency, now }: { readonly perCommand: number; readonly latency: number; readonly now: number }
): number[] => {
  // What leaves now gets there a little later; what is not answered yet may be done already.
  const soonest = latency / 2
  const idleIn = new Array<number>(workers).fill(soonest)
  const occupy = (from: number, rows: number): void => {
    const until = Math.max(from + rows * perCommand, soonest)
    const place = idleIn.findIndex(other => other > until)
    idleIn.splice(place < 0 ? idleIn.length : place, 0, until)
  }
  for (const { rows, since, ahead, passed } of load) {
    const sooner = idleIn.shift() ?? 0
    const freed = passed[ahead - workers]
    if (ahead < workers) occupy((since - now) / 1000 + latency / 2, rows)
    else if (freed === undefined) occupy(sooner, rows)
    else occupy((freed - now) / 1000 - latency / 2, rows)
  }
  return idleIn
}

/** Rows that the workers can get done in `seconds`, and in how many requests, with those that there are until then: the largest first. */
const capacity = (
  { left, free, rate, perCommand, idleIn, grain }: Supply,
  cap: number,
  seconds: number
): { readonly rows: number; readonly requests: number } => {
  // A group is not kept together where a batch may have fewer rows than that.
  const unit = Math.min(grain, cap)
  const most = fitting(cap, unit)
  let whole = 0
  const rests: number[] = []
  for (const idle of idleIn) {
    const fits = fitting(Math.max(0, (seconds - idle) / perCommand), unit)
    whole += Math.floor(fits / most)
    rests.push(fits % most)
  }
  rests.sort((one, other) => other - one)
  let rows = 0
  let requests = 0
  for (let index = 0; index < whole + rests.length && rows < left; index += 1) {
    const piece = index < whole ? most : (rests[index - whole] ?? 0)
    // A request that comes late finds little time for its rows.
    const wait = Math.max(0, index + 1 - free) / rate
    const possible = Math.min(piece, fitting((seconds - wait) / perCommand, unit))
    if (possible <= 0) break
    rows += possible
    requests += 1
  }
  return { rows, requests }
}

/** Seconds until everything can be done. */
const endOf = (supply: Supply, cap: number): number => {
  const { left, perCommand, idleIn } = supply
  let low = (left * perCommand) / idleIn.length
  let step = cap * perCommand
  while (capacity(supply, cap, low + step).rows < left) {
    low += step
    step *= 2
  }
  for (; step > perCommand * EXACT; step /= 2) if (capacity(supply, cap, low + step / 2).rows < left) low += step / 2
  return low + step
}

/** When everything can be done, where the end is near enough to be planned: seconds, and requests until then. */
export const plannedEnd = (supply: Supply): { readonly seconds: number; readonly requests: number } | undefined => {
  const { cap } = guidedCut(supply)
  if (supply.left > PLANNED * cap * supply.idleIn.length) return undefined
  const seconds = endOf(supply, cap)
  return { seconds, requests: capacity(supply, cap, seconds).requests }
}

/** As the batches come when nobody looks at the end: early ones are larger than late ones, so that the last ones end together. */
export const guidedCut = ({ left, free, rate, perCommand, idleIn, requestSeconds }: Omit<Supply, 'grain'>): Cut => {
  const workers = idleIn.length
  const requests = free + rate * ((left * perCommand) / workers)
  const aim = largestBatch(perCommand, requestSeconds)
  const cap = left / requests > aim ? largestBatch(perCommand, requestSeconds, AIM_WHEN_SCARCE) : aim
  return { size: Math.min(cap, Math.max(1, (left / requests) * SKEW, left / (2 * workers))), cap, requests }
}

/** The next batch. Near the end none is to end after all the others. */
export const cutBatch = (supply: Supply): Cut => {
  const { left, perCommand, idleIn, grain } = supply
  const cut = guidedCut(supply)
  const sized = (share: number): number => Math.max(1, Math.floor(Math.min(cut.cap, wholeGroups(share, grain))))
  if (left > PLANNED * cut.cap * idleIn.length) return { ...cut, size: sized(cut.size) }
  const end = endOf(supply, cut.cap)
  const longest = Math.max(grain, fitting((end - (idleIn[0] ?? 0)) / perCommand, grain))
  return { ...cut, size: sized(Math.min(cut.size, longest)) }
}
