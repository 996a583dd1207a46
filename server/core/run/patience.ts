// How long a run waits out a portal that does not answer: growing, jittered pauses, and an end to it.
// Must stay true: pure; one success makes up for all failures before it.

/** Temporary trouble of a portal that worked before is waited out this long; of one that never answered, five seconds. */
const PATIENCE_MS = 10 * 60_000
const FIRST_PATIENCE_MS = 5000
/** Pauses are parts of the longest request, the scale of everything that a portal does: 0.5 s growing to 30 s in the cloud. */
const FIRST_PAUSE = 1 / 120
const LONGEST_PAUSE = 1 / 2

export interface Patience {
  /** Notes a failure; true when patience is at its end. `proven`: the portal has answered before. */
  failed(now: number, proven: boolean): boolean
  worked(): void
  /** No request before this time (steady ms). */
  quietUntil(): number
  /** The last thing heard of the portal was a failure. */
  tried(): boolean
}

/** `random`: 0..1, for jitter. `requestSeconds`: how long a portal may go on working on one request. */
export const createPatience = (random: () => number, requestSeconds: number): Patience => {
  let since: number | undefined
  let failures = 0
  let quietUntil = 0
  return {
    failed(now, proven) {
      since ??= now
      if (now >= quietUntil) {
        // Requests that were under way together fail together: that is one failure.
        const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures) * requestSeconds * 1000
        failures += 1
        quietUntil = now + pause * (0.75 + 0.5 * random())
      }
      return now - since > (proven ? PATIENCE_MS : FIRST_PATIENCE_MS)
    },
    worked() {
      since = undefined
      failures = 0
    },
    quietUntil: () => quietUntil,
    tried: () => since !== undefined
  }
}
