// How many rows go into the next batch when the portal's speed is known: shared by the dispatcher and the forecast.
// Must stay true: pure; never more than 50, never longer than a quarter of what a request may take.

const MAX_BATCH = 50
/** A batch aims at this share of the longest request: 12 s of the cloud's 60; 15 s where requests are what is scarce. */
const AIM = 1 / 5
const AIM_WHEN_SCARCE = 1 / 4
/** Requests are spread over the rows that are left so that early batches are this much larger than late ones. */
export const SKEW = 1.6

export interface Supply {
  /** Rows that are neither settled nor under way. */
  readonly left: number
  /** Requests that may go now, and per second later. */
  readonly free: number
  readonly rate: number
  /** Seconds of one command. */
  readonly perCommand: number
  /** Requests that the portal works on at once. */
  readonly abreast: number
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
  Math.max(1, Math.min(MAX_BATCH, Math.floor((requestSeconds * aim) / Math.max(perCommand, 1e-6))))

/** `rows`, rounded up to whole groups. */
export const wholeGroups = (rows: number, grain: number): number => Math.ceil(rows / grain - 1e-9) * grain

export const cutBatch = ({ left, free, rate, perCommand, abreast, requestSeconds, grain }: Supply): Cut => {
  const requests = free + rate * ((left * perCommand) / abreast)
  const aim = largestBatch(perCommand, requestSeconds)
  const cap = left / requests > aim ? largestBatch(perCommand, requestSeconds, AIM_WHEN_SCARCE) : aim
  // Early batches are larger than late ones, so that the last ones end together.
  const share = Math.max((left / requests) * SKEW, left / (2 * abreast))
  return { size: Math.max(1, Math.floor(Math.min(cap, wholeGroups(share, grain)))), cap, requests }
}
