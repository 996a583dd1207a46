// The operating time of one HTTP request: added up by method, and handed to the limiter when the request is over.
// Must stay true: requests at work at the same time do not see each other's calls (rest's loadlimiter.php).
import type { OperatingTime } from './limits.ts'
import type { OperatingSettings } from './settings.ts'

export interface OperatingHit {
  /** Asked before a call is executed: whether it is refused. */
  blocked(key: string, now: number): boolean
  /** Notes a call that is begun; `count` says what it took. */
  begin(key: string, startedAt: number): void
  /** Counts seconds of work. */
  count(key: string, seconds: number): void
  /** What a `time` block says: `resetAt` in unix milliseconds is always there. */
  read(key: string, now: number): { readonly operating: number; readonly resetAt: number }
  /** To be called once, when the request is over, however it ended. */
  finish(): void
}

interface Calls {
  readonly startedAt: number
  /** All of it: what counts in the end. */
  seconds: number
  /** Only calls beyond the threshold, one by one: what the request itself sees while it runs. */
  seen: number
}

/** `requestAt`: unix milliseconds, the start of the request. */
export function createOperatingHit(
  operating: OperatingTime,
  settings: () => OperatingSettings,
  requestAt: number
): OperatingHit {
  const calls = new Map<string, Calls>()
  const seenOf = (key: string): number => calls.get(key)?.seen ?? 0

  return {
    blocked: (key, now) => operating.blocked(key, now, seenOf(key)),
    begin(key, startedAt) {
      if (!calls.has(key)) calls.set(key, { startedAt, seconds: 0, seen: 0 })
    },
    count(key, seconds) {
      const sum = calls.get(key)
      if (sum === undefined) return
      sum.seconds += seconds
      if (seconds > settings().ignoreUpToSeconds) sum.seen += seconds
    },
    read(key, now) {
      const stored = operating.read(key, now)
      return {
        operating: Math.round((stored.operating + seenOf(key)) * 1e6) / 1e6,
        // Where nothing is counted yet the portal adds the window to the start of its first call, of whatever method.
        resetAt: stored.resetAt ?? requestAt + settings().windowSeconds * 1000
      }
    },
    finish() {
      for (const [key, { startedAt, seconds }] of calls) operating.register(key, startedAt, seconds)
      calls.clear()
    }
  }
}
