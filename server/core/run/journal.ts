// What the core asks of storage: remember runs and their events, and say who may drive a portal.
// Must stay true: a promise that resolved means the data survives a power cut.
import { AppError } from '../errors.ts'
import type { RunEvent, RunRecord, RunSnapshot } from './run.ts'

/** The right to drive a portal, held by one process. `fence` grows with every new holder. */
export interface Lease {
  readonly portalId: string
  readonly owner: string
  readonly fence: number
  /** Taken over from a process that is certainly dead: nobody waits any more for answers to what that one sent. */
  readonly orphaned?: true
}

/** Thrown by `Journal.append` and `Leases.renew` when another process has taken the portal over. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
  constructor(portalId: string) {
    super(`Another process took over the runs of portal ${portalId}`)
  }
}

/** Thrown by `Journal.append` when the run is not there any more: the application was removed from its portal, with its data. */
export class RunErased extends AppError {
  constructor(runId: string) {
    super(404, 'NOT_FOUND', `The run ${runId} was erased with the data of its portal.`)
  }
}

export interface Leases {
  /** Takes the portal if it is free, lapsed, or held by a process that is certainly dead; `null` while another one holds it. */
  acquire(portalId: string): Promise<Lease | null>
  /** @throws {LeaseLost} */
  renew(lease: Lease): Promise<void>
  release(lease: Lease): Promise<void>
  /** Milliseconds for which a lease lives without being renewed. */
  readonly ttl: number
}

export interface Journal {
  /** Stores a new run with its first events, in one transaction. */
  create(lease: Lease, run: RunRecord, events: readonly RunEvent[]): Promise<void>
  /**
   * Appends events and the snapshot that follows from them, in one transaction with everything else that waits to be written.
   * Calls resolve in the order in which they were made.
   * @throws {RunErased} when there is no such run, {LeaseLost} when `lease` is no longer the portal's lease: nothing was written
   */
  append(lease: Lease, runId: string, events: readonly RunEvent[], snapshot: RunSnapshot): Promise<void>
  /** A run's events, oldest first, read in pages. */
  events(runId: string): AsyncIterable<RunEvent>
  find(runId: string): Promise<RunRecord | undefined>
  /** Newest first. `after`: those that were started before this one. @throws {AppError} NOT_FOUND when there is no such run on the portal */
  list(portalId: string, limit: number, after?: string): Promise<RunRecord[]>
  /** Takes an ended run out of the history; false when it is running, or not there. Its rows stay known for as long as another run tries them again. */
  remove(runId: string): Promise<boolean>
  /** The id of the first run that tried this one's rejected rows again. */
  retriedBy(runId: string): Promise<string | undefined>
  /** Asks whoever drives a run, now or next, to end it; false when it is not running. Forgotten when the run is resumed. */
  requestCancel(runId: string): Promise<boolean>
  cancelRequested(runId: string): Promise<boolean>
  /** Create runs that ended `completed` or `cancelled` and were not counted again since (`recounted`). */
  recountsDue(): Promise<RunRecord[]>
  recounted(runId: string): Promise<void>
  /** Runs whose stored status is `running`: of this process, of another one, or left behind by a crash; but none that cannot be read. */
  unfinished(): Promise<RunRecord[]>
}
