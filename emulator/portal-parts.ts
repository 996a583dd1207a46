// What one emulated portal is made of, as its request handling sees it.
// Must stay true: one set per portal, nothing is shared between portals.
import type { Credentials } from './credentials.ts'
import type { Faults } from './faults.ts'
import type { OperatingTime, RequestBucket } from './limits.ts'
import type { Method } from './method.ts'
import type { PortalSettings } from './settings.ts'
import type { PortalState } from './state.ts'
import type { Execution, Workers } from './workers.ts'

/** What happened so far. */
export interface PortalStats {
  /** REST requests that arrived, preflights aside. */
  requests: number
  batches: number
  /** Executed commands by method, successful or refused by their handler. */
  readonly commands: { [method: string]: number }
  /** Commands refused with OPERATION_TIME_LIMIT, by method. */
  readonly limited: { [method: string]: number }
  /** Answers by HTTP status; 503 and 429 are the limits'. */
  readonly answers: { [status: number]: number }
  readonly maxBucketLevel: number
  readonly maxBusyWorkers: number
}

export interface PortalParts {
  readonly state: PortalState
  /** By lower-case name; `batch` is none of them. */
  readonly methods: ReadonlyMap<string, Method>
  readonly settings: PortalSettings
  readonly bucket: RequestBucket
  readonly operating: OperatingTime
  readonly workers: Workers
  /** What is running now. */
  readonly executions: Set<Execution>
  readonly faults: Faults
  readonly credentials: Credentials
  readonly stats: PortalStats
  /** Unix milliseconds with a fraction. */
  readonly clock: () => number
  /** Drops all connections and all work; for `downMs` nobody can connect. */
  readonly restart: (downMs: number) => void
}

/** Adds one to a counter. */
export function count(counters: { [name: string]: number }, name: string | number): void {
  counters[name] = (counters[name] ?? 0) + 1
}
