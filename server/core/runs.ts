// Starting, finding, watching, cancelling and resuming runs; one at a time per portal.
import type { Channel } from './channel.ts'
import type { Operation } from './recipe.ts'
import type { Rejection, RunRecord, RunSnapshot, StartedBy } from './run.ts'

export interface Runs {
  /** Starts a run. Resolves when it is on disk. @throws {AppError} BUSY (`details.run`), STORAGE_FAILED */
  start(channel: Channel, operation: Operation, startedBy: StartedBy): Promise<RunSnapshot>
  /** The run that holds the portal now, with its live state. */
  active(portalId: string): Promise<RunSnapshot | undefined>
  /** With the live state of a run that is active in this process. */
  find(runId: string): Promise<{ readonly record: RunRecord; readonly snapshot: RunSnapshot } | undefined>
  /** Newest first, at most 50. */
  list(portalId: string): Promise<RunSnapshot[]>
  /** No further batch is sent; what is in flight is settled; then the run ends `cancelled`. @throws {AppError} NOT_ACTIVE, NOT_FOUND */
  cancel(runId: string): Promise<RunSnapshot>
  /** Goes on where it stopped. @throws {AppError} NOT_RESUMABLE, BUSY, NOT_FOUND */
  resume(runId: string, channel: Channel): Promise<RunSnapshot>
  /** A new run over the rows that were rejected in this one. @throws {AppError} NOTHING_TO_RETRY, BUSY, NOT_FOUND */
  retry(runId: string, channel: Channel, startedBy: StartedBy): Promise<RunSnapshot>
  /**
   * The current snapshot first, then newer ones (at most 10 a second; a slow reader skips to the newest), the final one last.
   * Ends after the final snapshot, or when `signal` aborts.
   */
  watch(runId: string, signal: AbortSignal): AsyncIterable<RunSnapshot>
  /** Every rejected row of a run, oldest first. */
  rejections(runId: string): AsyncIterable<Rejection>
  /** Stops taking new runs, lets batches in flight settle, marks active runs `interrupted`. */
  stop(): Promise<void>
}
