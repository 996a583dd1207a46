// How much of a kind of work may be under way, and begin in a minute: what anybody can cause stays bounded.
// Must stay true: waits and refusals are counted in steady time; whoever was let in leaves, whatever becomes of the work.
import type { Clock } from '../core/clock.ts'
import { tooManyOpenings } from '../core/errors.ts'

export interface GateLimits {
  readonly together: number
  readonly aMinute: number
  /** Who may wait until one of those leaves; the next one is refused. */
  readonly inLine: number
}

/** Runs `work` when its turn has come. @throws {AppError} TOO_MANY_OPENINGS, and what `work` throws */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

const MINUTE_MS = 60_000
/** A line moves on within this time: one question is waited for no longer. */
const LINE_SECONDS = 10

export const createGate = (clock: Pick<Clock, 'steady'>, { together, aMinute, inLine }: GateLimits): Gate => {
  /** When the last ones began, oldest first. */
  const begun: number[] = []
  const line: (() => void)[] = []
  let working = 0

  const admit = (): void => {
    const now = clock.steady()
    while (begun[0] !== undefined && begun[0] <= now - MINUTE_MS) begun.shift()
    const [oldest] = begun
    if (oldest !== undefined && begun.length >= aMinute) throw tooManyOpenings((oldest + MINUTE_MS - now) / 1000)
    if (line.length >= inLine && working >= together) throw tooManyOpenings(LINE_SECONDS)
    begun.push(now)
  }
  const leave = (): void => {
    const next = line.shift()
    if (next === undefined) working -= 1
    else next()
  }

  return async work => {
    admit()
    if (working < together) working += 1
    else await new Promise<void>(next => line.push(next))
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
