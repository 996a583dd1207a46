// Starting, finding, watching, cancelling and resuming runs; one at a time per portal.
// Must stay true: a portal is driven only by the holder of its mutex (in this process) and its lease (among processes).
import { E_ALREADY_LOCKED, Mutex, tryAcquire } from 'async-mutex'
import { readRejections } from './attempt.ts'
import type { Channel } from './channel.ts'
import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import { cancelled, type Ending, interrupted, suspended } from './ending.ts'
import { alreadyRetried, busy, notFound, nothingToRetry, runNotActive, runNotResumable } from './errors.ts'
import { estimateOperation, type OperationEstimate } from './estimate.ts'
import { initialRunState, toSnapshot } from './fold.ts'
import type { Journal, Leases } from './journal.ts'
import { createLiveRun, type LiveRun } from './live-run.ts'
import type { Operation } from './recipe.ts'
import type { Rejection, RunRecord, RunSnapshot, StartedBy } from './run.ts'
import { type Mode, openAttempt, underLease } from './run-life.ts'
import type { Runner } from './runner.ts'

/** Newest runs among which an earlier retry is looked for. */
const RETRIES_LOOKED_AT = 100_000
/** How often a run of another process is looked at. */
const LOOK_EVERY_MS = 500

export interface Runs {
  /** What an operation would take if it began now. @throws {PortalFailure} */
  estimate(channel: Channel, operation: Operation): Promise<OperationEstimate>
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
}

interface Active {
  readonly record: RunRecord
  readonly live: LiveRun
  runner: Runner | undefined
  /** Asked for before the runner stood. */
  ending: Ending | undefined
  readonly ended: Promise<void>
}

export const createRuns = (deps: RunsDeps): Runs => {
  const { journal, leases, clock } = deps
  const mutexes = new Map<string, Mutex>()
  const actives = new Map<string, Active>()
  let stopping = false

  const mutexOf = (portalId: string): Mutex => {
    const mutex = mutexes.get(portalId) ?? new Mutex()
    mutexes.set(portalId, mutex)
    return mutex
  }
  const activeRun = (runId: string): Active | undefined =>
    [...actives.values()].find(({ record }) => record.id === runId)

  const holder = async (portalId: string): Promise<RunSnapshot | undefined> => {
    const here = actives.get(portalId)
    if (here !== undefined) return here.live.current()
    return (await journal.unfinished()).find(record => record.portalId === portalId)?.snapshot
  }

  /** Takes mutex and lease, begins the attempt, and lets it go on after the returned promise resolved. */
  const begin = async (
    record: RunRecord,
    channel: Channel,
    mode: Mode,
    check: () => Promise<void> = async () => undefined
  ): Promise<RunSnapshot> => {
    if (stopping) throw busy(undefined)
    const { portalId } = record
    const begun = deferred<RunSnapshot>()
    const life = tryAcquire(mutexOf(portalId)).runExclusive(async () => {
      const lease = await leases.acquire(portalId)
      if (lease === null) throw busy(await holder(portalId))
      const ended = deferred<void>()
      const active: Active = {
        record,
        live: createLiveRun(record.snapshot, clock),
        runner: undefined,
        ending: undefined,
        ended: ended.promise
      }
      actives.set(portalId, active)
      try {
        await underLease(
          deps,
          lease,
          async confirm => {
            await check()
            const runner = await openAttempt(deps, { lease, record, channel, mode, live: active.live, confirm })
            active.runner = runner
            if (active.ending !== undefined) runner.end(active.ending)
            begun.resolve(active.live.current())
            await runner.run()
          },
          () => active.runner?.end(interrupted(false))
        )
      } finally {
        actives.delete(portalId)
        active.live.end()
        ended.resolve()
      }
    })
    life.catch(async (error: unknown) => {
      // Rejects the start if it had not begun; afterwards the run has ended and the error is an internal one.
      begun.reject(error === E_ALREADY_LOCKED ? busy(await holder(portalId)) : error)
    })
    begun.promise.then(
      () => life.catch(deps.onCrash),
      () => undefined
    )
    return begun.promise
  }

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

  async function* watch(runId: string, signal: AbortSignal): AsyncGenerator<RunSnapshot> {
    let active: Active | undefined
    for (let last: RunSnapshot | undefined; !signal.aborted; ) {
      // Once the run has ended, its last snapshot is still there: a thousand watchers need not ask the journal for it.
      active ??= activeRun(runId)
      const snapshot =
        active === undefined ? (await journal.find(runId))?.snapshot : await active.live.newer(last, signal)
      if (snapshot === undefined || signal.aborted) return
      if (snapshot !== last) yield snapshot
      if (snapshot.status !== 'running') return
      last = snapshot
      if (active === undefined) await clock.sleep(LOOK_EVERY_MS, signal)
      else if (active.live.ended()) active = undefined
    }
  }

  return {
    estimate: (channel, operation) => estimateOperation(operation, channel, clock.now, deps.requestSeconds),
    start: (channel, operation, startedBy) => begin(newRecord(channel, operation, startedBy, 0), channel, 'new'),
    active: async portalId => holder(portalId),
    async find(runId) {
      const active = activeRun(runId)
      if (active !== undefined) return { record: active.record, snapshot: active.live.current() }
      const record = await journal.find(runId)
      return record === undefined ? undefined : { record, snapshot: record.snapshot }
    },
    async list(portalId) {
      const live = actives.get(portalId)
      const records = await journal.list(portalId, 50)
      return records.map(({ id, snapshot }) => (live?.record.id === id ? live.live.current() : snapshot))
    },
    async cancel(runId) {
      const active = activeRun(runId)
      if (active === undefined) throw runNotActive((await demand(runId)).snapshot.status)
      active.ending ??= cancelled
      active.runner?.end(cancelled)
      return active.live.current()
    },
    async resume(runId, channel) {
      const record = await demand(runId)
      const { status } = record.snapshot
      if (status === 'completed') throw runNotResumable(status)
      return begin(record, channel, 'resume')
    },
    async retry(runId, channel, startedBy) {
      const { operation, snapshot, portalId } = await demand(runId)
      if (snapshot.status === 'running') throw busy(snapshot)
      if (snapshot.failed === 0) throw nothingToRetry()
      const record = newRecord(channel, { ...operation, retryOf: runId }, startedBy, snapshot.failed)
      // Asked while the portal is ours: rows that an earlier retry has created would be created twice.
      return begin(record, channel, 'new', async () => {
        const runs = await journal.list(portalId, RETRIES_LOOKED_AT)
        const earlier = runs.find(run => run.operation.retryOf === runId)
        if (earlier !== undefined) throw alreadyRetried(earlier.id)
      })
    },
    watch,
    rejections: runId => readRejections(journal, runId),
    async recover(channelOf) {
      for (const record of await journal.unfinished()) {
        if (stopping || actives.has(record.portalId)) continue
        const channel = await channelOf(record)
        if (channel === undefined) continue
        // BUSY: its process lives, here or elsewhere.
        await begin(record, channel, deps.autoResume ? 'resume' : 'recover').catch(error => {
          if (!(error instanceof Error && 'code' in error && error.code === 'BUSY')) deps.onCrash(error)
        })
      }
    },
    async stop() {
      stopping = true
      const all = [...actives.values()]
      const ending = deps.autoResume ? suspended : interrupted(false)
      for (const active of all) {
        active.ending ??= ending
        active.runner?.end(ending)
      }
      await Promise.all(all.map(({ ended }) => ended))
    }
  }
}
