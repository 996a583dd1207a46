// The look at the end of a create run: how many commands it takes, over how many requests it is spread, and how long it lasts.
// Must stay true: pure; while requests are scarce, rows go first.
import { COMMANDS_PER_BATCH } from '../portal.ts'
import { largestBatch } from './cut.ts'
import { noneWaited, type Speed, secondsPerCommand, workersOf } from './speed.ts'

/** Bitrix24's fixed page is 50; one row less is asked for at a time, so that a page is full only where there are second copies. */
export const ROWS_PER_LOOK = 49
/** So many requests at most are kept for it while rows go out. */
const MOST_KEPT = 8
/** As long as nothing was measured: a cloud portal's usual time of a command, and requests at once. */
const USUAL_SECONDS = 0.15
const USUAL_WORKERS = 8
/** The end is searched to this share of a command. */
const EXACT = 1 / 20

/** Look-ups of so many rows of each entity. */
export const looksAt = (rows: readonly number[]): number =>
  rows.reduce((sum, count) => sum + Math.ceil(count / ROWS_PER_LOOK), 0)

export interface ClosingInput {
  /** Look-ups (`looksAt`). */
  readonly commands: number
  readonly speed: Speed
  /** Requests that are free then, and that come back each second. */
  readonly free: number
  readonly rate: number
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
}

const workers = (speed: Speed): number => workersOf(speed) ?? Math.max(speed.seenWorkers, USUAL_WORKERS)

/**
 * Requests to be kept for it, of `free` ones, while `left` rows are still to go out: of those that the rows can spare,
 * and of these half as long as rows find out how many requests the portal works on at once.
 */
export const keptForClosing = (commands: number, speed: Speed, left: number, free: number): number => {
  const spare = free - Math.ceil(left / COMMANDS_PER_BATCH)
  const known = noneWaited(speed) || workersOf(speed) !== undefined
  return Math.max(0, Math.min(commands, workers(speed), MOST_KEPT, known ? spare : Math.floor(spare / 2)))
}

export interface Closing {
  /** Look-ups in each request, in the order in which they are to leave. */
  readonly sizes: readonly number[]
  readonly seconds: number
}

/** Spreads the look so that all of its requests end together, those that have to wait for the bucket being the smaller ones. */
export const planClosing = ({ commands, speed, free, rate, requestSeconds }: ClosingInput): Closing => {
  if (commands === 0) return { sizes: [], seconds: 0 }
  const each = speed.perRead ?? secondsPerCommand(speed, 'create') ?? USUAL_SECONDS
  const most = largestBatch(each, requestSeconds)
  const abreast = workers(speed)
  const requests = Math.max(abreast, Math.ceil(commands / most))
  const sizesWithin = (seconds: number): number[] => {
    const sizes: number[] = []
    for (let nth = 0, left = commands; nth < requests && left > 0; nth += 1) {
      const leaves = Math.max(0, nth + 1 - free) / rate
      const begins = Math.max(leaves, Math.floor(nth / abreast) * most * each)
      const size = Math.min(most, left, Math.floor((seconds - begins) / each + 1e-9))
      if (size < 1) break
      sizes.push(size)
      left -= size
    }
    return sizes
  }
  const enough = (seconds: number): boolean => sizesWithin(seconds).reduce((sum, size) => sum + size, 0) >= commands
  let seconds = Math.max(1, Math.ceil(commands / requests)) * each
  let step = each
  for (; !enough(seconds + step); step *= 2) seconds += step
  for (; step > each * EXACT; step /= 2) if (!enough(seconds + step / 2)) seconds += step / 2
  seconds = enough(seconds) ? seconds : seconds + step
  return { sizes: sizesWithin(seconds), seconds: seconds + (Number.isFinite(speed.latency) ? speed.latency : 0) }
}
