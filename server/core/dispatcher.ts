// How large the next batch is and how many requests may be under way, from what the portal's own answers say.
// Must stay true: pure arithmetic over what it was told; a batch has at most 50 commands and aims at 12 s or less.

const MAX_BATCH = 50
const AIM_SECONDS = 12
/** Rows that one request of a short run carries without anything being known of the portal. */
const SMALL = 8
/** The first wave of a long run: enough to measure, small enough to be cheap. */
const PROBE_REQUESTS = 4
const PROBE_ROWS = 4
const MAX_IN_FLIGHT = 48
/** A short run spreads over this share of the free requests; the rest stays for stragglers, pages and other applications. */
const SPREAD = 0.7

export interface Measure {
  readonly commands: number
  /** Portal's own seconds for the request. */
  readonly duration: number
  /** Wall seconds on our side. */
  readonly elapsed: number
}

export interface Dispatcher {
  /** Rows for the next batch: 0 = send nothing now. `left`: rows not under way; `free`: requests that the pace allows now. */
  size(left: number, free: number, inFlight: number): number
  measured(measure: Measure): void
  /** A request failed: be careful. */
  failed(): void
  /** Seconds that one command takes, as far as measured. */
  secondsPerCommand(): number | undefined
}

/** What is known of a portal's speed; outlives a run, so that only the first one has to measure before it trusts. */
export interface Speed {
  /** Seconds that one command takes. */
  perCommand: number | undefined
}

export const createDispatcher = (speed: Speed): Dispatcher => {
  let limit = 8
  let probes = 0

  const cap = (): number => {
    if (speed.perCommand === undefined) return SMALL
    return Math.max(1, Math.min(MAX_BATCH, Math.floor(AIM_SECONDS / Math.max(speed.perCommand, 1e-6))))
  }

  return {
    size(left, free, inFlight) {
      if (left <= 0 || free < 1) return 0
      const spread = Math.max(1, Math.floor((free + inFlight) * SPREAD) - inFlight)
      const share = Math.ceil(left / spread)
      if (share <= SMALL && speed.perCommand === undefined) return inFlight >= MAX_IN_FLIGHT ? 0 : share
      if (speed.perCommand === undefined) {
        if (probes >= PROBE_REQUESTS) return inFlight === 0 ? PROBE_ROWS : 0
        probes += 1
        return PROBE_ROWS
      }
      // Few rows that small requests can carry need no caution: their queue at the portal is short.
      const short = share <= SMALL && left * speed.perCommand < AIM_SECONDS * 2
      if (inFlight >= (short ? MAX_IN_FLIGHT : limit)) return 0
      const open = Math.max(1, Math.min(free, (short ? MAX_IN_FLIGHT : limit) - inFlight))
      return Math.min(cap(), Math.max(1, Math.ceil(left / Math.min(open, spread))))
    },
    measured({ commands, duration, elapsed }) {
      if (commands === 0) return
      const seconds = duration / commands
      speed.perCommand = speed.perCommand === undefined ? seconds : speed.perCommand * 0.7 + seconds * 0.3
      const queued = elapsed - duration
      if (queued < Math.max(0.25 * duration, 0.1)) limit = Math.min(MAX_IN_FLIGHT, limit + 2)
      else if (queued > Math.max(0.75 * duration, 0.3)) limit = Math.max(2, limit - 1)
    },
    failed() {
      limit = Math.max(2, Math.floor(limit / 2))
    },
    secondsPerCommand: () => speed.perCommand
  }
}
