// How large the next batch is and how many requests may be under way, from what the portal's own answers say.
// Must stay true: pure arithmetic over what it was told; a batch has at most 50 commands and aims at a fifth of the time a request may take.

const MAX_BATCH = 50
/** A batch aims at this share of the longest request: 12 s of the cloud's 60. */
const AIM = 1 / 5
/** The whole of a short run may lie in the portal's queue if even a single worker gets through it in this share of the longest request. */
const SHORT = 0.4
const MAX_IN_FLIGHT = 48
/** Rows a request of a short run carries without anything being known of the portal. */
const SMALL = 8
/** A run is spread over this share of the free requests; the rest stays for stragglers, pages and other applications. */
const SPREAD = 0.83
/** The first wave of a long run: enough to measure, small enough to be cheap; fewer where requests are what is scarce. */
const PROBES = 16
const PROBES_WHEN_SCARCE = 4
const PROBE_ROWS = 2
/** Work that may be under way, in longest requests, as long as the portal's number of workers is not known. */
const TRUST = 2

export interface Measure {
  readonly commands: number
  /** Portal's own seconds for the request. */
  readonly duration: number
  /** Wall seconds on our side. */
  readonly elapsed: number
  /** Requests that were under way when this one was sent, itself included. */
  readonly inFlight: number
}

export interface Dispatcher {
  /** Rows for the next batch: 0 = send nothing now. `left`: rows not under way; `free`: requests that the pace allows now. */
  size(left: number, free: number, inFlight: number): number
  measured(measure: Measure): void
  /** A request failed: be careful. */
  failed(): void
}

/** What is known of a portal's speed; outlives a run, so that only the first one has to measure before it trusts. */
export interface Speed {
  /** Seconds that one command takes. */
  perCommand: number | undefined
  /** Requests that the portal works on at once, once a queue was seen. */
  workers: number | undefined
  /** The most requests under way that were seen without a queue. */
  unqueued: number
  /** Shortest time that an answer spent outside the portal's own work. */
  latency: number
}

export const unknownSpeed = (): Speed => ({
  perCommand: undefined,
  workers: undefined,
  unqueued: 0,
  latency: Number.POSITIVE_INFINITY
})

const smooth = (before: number | undefined, now: number): number =>
  before === undefined ? now : before * 0.8 + now * 0.2

/**
 * `grain`: rows come in groups of this size (a company and its contact: 2).
 * `requestSeconds`: how long a portal may go on working on one request.
 */
export const createDispatcher = (speed: Speed, grain: number, requestSeconds: number): Dispatcher => {
  let probes = 0
  let careful = MAX_IN_FLIGHT

  const cap = (perCommand: number): number =>
    Math.max(1, Math.min(MAX_BATCH, Math.floor((requestSeconds * AIM) / Math.max(perCommand, 1e-6))))

  /** Requests that may be under way: a little more than the portal works on at once, or twice what was tried without a queue. */
  const limit = (perCommand: number): number => {
    const batchSeconds = cap(perCommand) * perCommand
    const trusted = Math.max(8, Math.floor((requestSeconds * TRUST) / Math.max(batchSeconds, 1e-6)))
    const known = speed.workers === undefined ? Math.max(8, speed.unqueued * 2) : Math.ceil(speed.workers * 1.15) + 1
    return Math.max(1, Math.min(MAX_IN_FLIGHT, trusted, known, careful))
  }

  const whole = (rows: number): number => Math.ceil(rows / grain) * grain

  return {
    size(left, free, inFlight) {
      if (left <= 0 || free < 1 || inFlight >= careful) return 0
      const spread = Math.max(1, Math.floor((free + inFlight) * SPREAD) - inFlight)
      const share = whole(left / spread)
      const { perCommand } = speed
      if (perCommand === undefined) {
        if (share <= SMALL) return share
        const scarce = left / MAX_BATCH > free
        if (probes >= (scarce ? PROBES_WHEN_SCARCE : PROBES)) return inFlight === 0 ? SMALL : 0
        probes += 1
        return PROBE_ROWS
      }
      // A short run's queue at the portal is short, whatever the number of its workers.
      if (share <= SMALL && left * perCommand < requestSeconds * SHORT) return Math.min(share, cap(perCommand))
      const most = limit(perCommand)
      if (inFlight >= most) return 0
      // Towards the end batches get smaller, so that the last ones end together; fewer and larger where requests are scarce.
      return Math.min(cap(perCommand), Math.max(whole(left / most), share))
    },
    measured({ commands, duration, elapsed, inFlight }) {
      if (commands === 0) return
      careful = Math.min(MAX_IN_FLIGHT, careful + 1)
      speed.perCommand = smooth(speed.perCommand, duration / commands)
      speed.latency = Math.min(speed.latency, Math.max(0, elapsed - duration))
      const queued = elapsed - duration - speed.latency
      if (queued > Math.max(0.3 * duration, 0.02)) {
        speed.workers = smooth(speed.workers, Math.max(1, (inFlight * duration) / (elapsed - speed.latency)))
      } else {
        speed.unqueued = Math.max(speed.unqueued * 0.98, inFlight)
        if (speed.workers !== undefined && inFlight >= speed.workers)
          speed.workers = smooth(speed.workers, inFlight + 1)
      }
    },
    failed() {
      careful = Math.max(1, Math.floor(Math.min(careful, (speed.workers ?? MAX_IN_FLIGHT) * 2) / 2))
    }
  }
}
