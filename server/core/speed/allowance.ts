// How many commands of a method may go out before its operating time is used up.
// Must stay true: pure; work that fits into the window is never held back; what does not fit comes near the limit with one request at a time.
import type { Channel } from '../channel.ts'
import { BUDGET_USED } from './pace.ts'
import { secondsPerCommand } from './speed.ts'

/** As long as the limit is only believed, the last quarter of it is felt out (420 s have been seen where 480 s are documented). */
const FELT_OUT = 0.25
/** Then a request works this share of the longest request, and stops at the first refusal. */
const STEP = 1 / 12

export interface MethodWork {
  readonly method: string
  readonly kind: string
  /** Commands not sent yet, and those under way. */
  readonly left: number
  readonly underWay: number
}

export interface Allowance {
  /** Commands that may go out now; 0 while the method is parked. */
  readonly rows: number
  /** The batch is to stop at the first refusal: the limit is near, and where it lies is not certain. */
  readonly halt: boolean
}

export const allowanceOf = (
  { pace, speed }: Pick<Channel, 'pace' | 'speed'>,
  { method, kind, left, underWay }: MethodWork,
  now: number,
  requestSeconds: number
): Allowance => {
  if (pace.parkedUntil(method, now) > 0) return { rows: 0, halt: false }
  if (pace.probing(method)) return { rows: underWay > 0 ? 0 : 1, halt: false }
  const budget = pace.budget(method, now)
  const perCommand = secondsPerCommand(speed, kind)
  if (budget === undefined || perCommand === undefined) return { rows: left, halt: false }
  const usable = budget.left - budget.limit * (1 - BUDGET_USED)
  if ((left + underWay) * perCommand <= usable) return { rows: left, halt: false }
  if (budget.proven)
    return { rows: Math.max(underWay === 0 ? 1 : 0, Math.floor(usable / perCommand) - underWay), halt: false }
  const atEase = Math.floor((budget.left - budget.limit * FELT_OUT) / perCommand) - underWay
  if (atEase > 0) return { rows: atEase, halt: false }
  return { rows: underWay > 0 ? 0 : Math.max(1, Math.floor((requestSeconds * STEP) / perCommand)), halt: true }
}
