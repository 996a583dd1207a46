// Starting, finding, watching, cancelling and resuming runs; one at a time per portal.
// Must stay true: what a run's status allows is asked again once its portal is ours.

import type { Channel } from '../channel.ts'
import type { Clock } from '../clock.ts'
import { AppError, alreadyRetried, busy, notFound, nothingToRetry, runNotActive, runNotResumable } from '../errors.ts'
import type { Operation } from '../recipe.ts'
import { estimateOperation, type OperationEstimate } from '../speed/estimate.ts'
import { readRejections } from './attempt.ts'
import { createDriver } from './driving.ts'
import { cancelled, interrupted, suspended } from './ending.ts'
import { initialRunState, toSnapshot } from './fold.ts'
import type { Journal, Leases } from './journal.ts'
import { createRecounts } from './recounts.ts'
import { owesRecount, type Rejection, type RunRecord, type RunSnapshot, type StartedBy } from './run.ts'
import { watchRun } from './watch-run.ts'

/** `after`: the run before the first one of the page. */
export interface RunsRequest {
  readonly limit: number
  readonly after?: string | undefined
}

/** `next`: what `after` has to be for the next page; null when there is none. */
export interface RunsPage {
  readonly runs: readonly RunSnapshot[]
  readonly next: string | null
}

export interface Runs {
  /** What an operation would take if it began now. @throws {PortalFailure} */
  estimate(channel: Channel, operation: Operation, signal?: AbortSignal): Promise<OperationEstimate>
  /** Starts a run. Resolves when it is on disk. @throws {AppError} BUSY (`details.run`), STORAGE_FAILED */
  start(channel: Channel, operation: Operation, startedBy: StartedBy): Promise<RunSnapshot>
  /** The run that holds the portal now, with its live state. */
  active(portalId: string): Promise<RunSnapshot | undefined>
  /** It has ended, and that cannot be written down for now: it cannot go on before it is, and nothing else can begin there. */
  unwritten(runId: string): boolean
  /** With the live state of a run that is active in this process. */
  find(runId: string): Promise<{ readonly record: RunRecord; readonly snapshot: RunSnapshot } | undefined>
  /** The run that holds the portal now, or else the one that was started last. */
  latest(portalId: string): Promise<RunSnapshot | undefined>
  /** A page of a portal's runs, newest first. */
  list(portalId: string, page: RunsRequest): Promise<RunsPage>
  /**
   * No further batch is sent; what is in flight is settled; then the run ends `cancelled`. Where another process drives it, that is told within a second.
   * @throws {AppError} NOT_ACTIVE, NOT_FOUND, STORAGE_FAILED
   */
  cancel(runId: string): Promise<RunSnapshot>
  /** Goes on where it stopped. `userId`: with whose rights, where somebody takes it over. @throws {AppError} NOT_RESUMABLE, BUSY, NOT_FOUND */
  resume(runId: string, channel: Channel, userId?: string | null): Promise<RunSnapshot>
  /** A new run over the rows that were rejected in this one. @throws {AppError} NOTHING_TO_RETRY, BUSY, NOT_FOUND */
  retry(runId: string, channel: Channel, startedBy: StartedBy): Promise<RunSnapshot>
  /** Takes a run that has ended out of the history for good; what it made stays in the portal. @throws {AppError} BUSY (`details.run`), NOT_FOUND */
  remove(runId: string): Promise<void>
  /**
   * The current snapshot first, then newer ones (at most 10 a second; a slow reader skips to the newest), the final one last.
   * Ends after the final snapshot, or when `signal` aborts.
   */
  watch(runId: string, signal: AbortSignal): AsyncIterable<RunSnapshot>
  /** Every rejected row of a run, oldest first. */
  rejections(runId: string): AsyncIterable<Rejection>
  /**
   * Takes over runs whose process died: settles what was in flight, then they are `interrupted` (or, with `autoResume`, go on).
   * `channelOf` gives the way to a run's portal, or undefined when it is not configured any more.
   */
  recover(channelOf: (run: RunRecord) => Promise<Channel | undefined>): Promise<void>
  /** Stops taking new runs, lets batches in flight settle, marks active runs `interrupted` (with `autoResume` the next start goes on with them). */
  stop(): Promise<void>
}

export interface RunsDeps {
  readonly journal: Journal
  readonly leases: Leases
  readonly clock: Clock
  /** 0..1 */
  readonly random: () => number
  readonly newId: () => string
  readonly requestSeconds: number
  readonly autoResume: boolean
  /** An error inside: the run has ended `failed`, the process goes on. */
  readonly onCrash: (error: unknown) => void
  /** A run has begun in this process, or has ended in it. */
  readonly onRun?: (run: RunSnapshot) => void
}

export const createRuns = (deps: RunsDeps): Runs => {
  const { journal, clock } = deps
  const driver = createDriver(deps, (record, channel) => {
    if (owesRecount(record.snapshot)) recounts.plan(record, channel)
  })
  const recounts = createRecounts({ ...deps, driver })
  const { begin, holder } = driver

  const newRecord = (channel: Channel, operation: Operation, startedBy: StartedBy, total: number): RunRecord => {
    const id = deps.newId()
    const startedAt = clock.now()
    const { portal } = channel
    const state = { ...initialRunState(operation), totals: { company: total, contact: 0 } }
    const snapshot = toSnapshot(state, { id, portal: portal.host, startedAt, startedBy: startedBy.name })
    return { id, portalId: portal.id, operation, startedBy, startedAt, snapshot }
  }

  const demand = async (runId: string): Promise<RunRecord> => {
    const record = await journal.find(runId)
    if (record === undefined) throw notFound('There is no such run. GET /api/runs lists those that there are.')
    return record
  }

  /** @throws {AppError} why its end could not be written down yet */
  const demandWritten = (runId: string): void => {
    const error = driver.activeRun(runId)?.unwritten
    if (error !== undefined) throw error
  }

  /** Its status on disk must be one of these. @throws {AppError} NOT_RESUMABLE, NOT_FOUND */
  const demandStatus = async (runId: string, is: (status: RunSnapshot['status']) => boolean): Promise<void> => {
    const { status } = (await demand(runId)).snapshot
    if (!is(status)) throw runNotResumable(status)
  }

  /** Left behind by another process, or by this one before it was started anew. */
  const findRecounts: Runs['recover'] = async channelOf => {
    for (const record of await journal.recountsDue()) {
      if (recounts.isPlanned(record.id)) continue
      const channel = await channelOf(record)
      if (channel !== undefined) recounts.plan(record, channel, 'found')
    }
  }

  const recover: Runs['recover'] = async channelOf => {
    for (const record of await journal.unfinished()) {
      if (driver.stopping() || driver.activeAt(record.portalId) !== undefined) continue
      const channel = await channelOf(record)
      if (channel === undefined) continue
      const check = (): Promise<void> => demandStatus(record.id, status => status === 'running')
      await begin(record, channel, deps.autoResume ? 'continue' : 'recover', check).catch(error => {
        // BUSY: its process lives, here or elsewhere. NOT_RESUMABLE: it has ended meanwhile.
        if (!(error instanceof AppError && ['BUSY', 'NOT_RESUMABLE'].includes(error.code))) deps.onCrash(error)
      })
    }
    await findRecounts(channelOf)
  }

  return {
    estimate: (channel, operation, signal) =>
      estimateOperation(operation, channel, clock.steady, deps.requestSeconds, signal),
    start: (channel, operation, startedBy) => begin(newRecord(channel, operation, startedBy, 0), channel, 'new'),
    active: holder,
    unwritten: runId => driver.activeRun(runId)?.unwritten !== undefined,
    latest: async portalId => (await holder(portalId)) ?? (await journal.list(portalId, 1))[0]?.snapshot,
    async find(runId) {
      const active = driver.activeRun(runId)
      if (active !== undefined) return { record: active.record, snapshot: active.live.current() }
      const record = await journal.find(runId)
      return record === undefined ? undefined : { record, snapshot: record.snapshot }
    },
    async list(portalId, { limit, after }) {
      const active = driver.activeAt(portalId)
      const found = await journal.list(portalId, limit + 1, after)
      const records = found.slice(0, limit)
      const runs = records.map(({ id, snapshot }) => (active?.record.id === id ? active.live.current() : snapshot))
      return { runs, next: found.length > limit ? (records.at(-1)?.id ?? null) : null }
    },
    async cancel(runId) {
      const active = driver.activeRun(runId)
      if (active === undefined) {
        const { snapshot } = await demand(runId)
        // Another process drives it, or whoever takes it over will.
        if (!(await journal.requestCancel(runId))) throw runNotActive(snapshot.status)
        return snapshot
      }
      if (active.unwritten !== undefined) throw runNotActive(active.live.current().status)
      driver.end(active, cancelled)
      // Also for whoever takes the run over, should this process die before it has written that down itself.
      await journal.requestCancel(runId).catch(() => false)
      return active.live.current()
    },
    async resume(runId, channel, userId) {
      demandWritten(runId)
      const check = (): Promise<void> => demandStatus(runId, status => status !== 'completed')
      await check()
      const record = await demand(runId)
      const startedBy = userId === undefined ? record.startedBy : { ...record.startedBy, userId }
      return begin({ ...record, startedBy }, channel, 'resume', check)
    },
    async retry(runId, channel, startedBy) {
      demandWritten(runId)
      const { operation, snapshot } = await demand(runId)
      if (snapshot.status === 'running') throw busy(snapshot)
      if (snapshot.failed === 0) throw nothingToRetry()
      const record = newRecord(channel, { ...operation, retryOf: runId }, startedBy, snapshot.failed)
      // Asked while the portal is ours: rows that an earlier retry has created would be created twice.
      return begin(record, channel, 'new', async () => {
        const earlier = await journal.retriedBy(runId)
        if (earlier !== undefined) throw alreadyRetried(earlier)
      })
    },
    async remove(runId) {
      demandWritten(runId)
      const active = driver.activeRun(runId)
      if (active !== undefined) throw busy(active.live.current())
      if (!(await journal.remove(runId))) throw busy((await demand(runId)).snapshot)
    },
    watch: (runId, signal) => watchRun(deps, id => driver.activeRun(id)?.live, runId, signal),
    rejections: runId => readRejections(journal, runId),
    recover(channelOf) {
      const recovering = recover(channelOf)
      driver.remember(recovering)
      return recovering
    },
    stop() {
      recounts.stop()
      return driver.stop(deps.autoResume ? suspended : interrupted(false))
    }
  }
}
