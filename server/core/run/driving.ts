// Who drives a portal in this process: one run at a time, from its mutex and lease to its last write.
// Must stay true: a portal is driven only by the holder of its mutex (in this process) and its lease (among processes); after `stop` nothing writes.
import { Mutex } from 'async-mutex'
import type { Channel } from '../channel.ts'
import { momentOf } from '../clock.ts'
import { deferred } from '../deferred.ts'
import { type AppError, busy, startsNothing } from '../errors.ts'
import { type Ending, interrupted, together } from './ending.ts'
import type { Lease } from './journal.ts'
import { createLiveRun, type LiveRun } from './live-run.ts'
import type { RunRecord, RunSnapshot } from './run.ts'
import { heedCancel, type LifeDeps, type Mode, openAttempt, underLease } from './run-life.ts'
import type { Runner } from './runner.ts'

/** A run that is driven in this process. */
export interface Active {
  readonly record: RunRecord
  readonly live: LiveRun
  runner: Runner | undefined
  /** It has ended, and why that could not be written down yet: nobody gets the portal before it is. */
  unwritten: AppError | undefined
  /** Asked for before the runner stood. */
  ending: Ending | undefined
}

export interface Driver {
  /**
   * Takes mutex and lease, begins the attempt, and lets it go on after the returned promise resolved.
   * `check`: asked once the portal is ours, as what was true before may not be any more.
   * @throws {AppError} BUSY (`details.run`), STORAGE_FAILED, and what `check` throws
   */
  begin(record: RunRecord, channel: Channel, mode: Mode, check?: () => Promise<void>): Promise<RunSnapshot>
  /**
   * Writes on a portal that no run has: false when one has it, or the server stops. `work` gets the lease, and `confirm` as in a Chore.
   * @throws {AppError} STORAGE_FAILED, and what `work` throws
   */
  alone(portalId: string, work: (lease: Lease, confirm: () => Promise<void>) => Promise<void>): Promise<boolean>
  /** The run on a portal. */
  activeAt(portalId: string): Active | undefined
  activeRun(runId: string): Active | undefined
  /** The run that holds the portal now, here or in another process. */
  holder(portalId: string): Promise<RunSnapshot | undefined>
  /** Ends a run early; the first ending counts. */
  end(active: Active, ending: Ending): void
  /** Work that `stop` has to wait for. */
  remember(work: Promise<unknown>): void
  stopping(): boolean
  /** Begins nothing any more, ends all runs, and resolves when nothing is written any more. */
  stop(ending: Ending): Promise<void>
}

/** `ended`: a run has ended in this process, and the portal is free again. */
export const createDriver = (deps: LifeDeps, ended: (record: RunRecord, channel: Channel) => void): Driver => {
  const { journal, leases, clock } = deps
  const mutexes = new Map<string, Mutex>()
  const actives = new Map<string, Active>()
  /** Everything that may still write, or begin to. */
  const lives = new Set<Promise<unknown>>()
  let stopping = false

  const remember = (life: Promise<unknown>): void => {
    lives.add(life)
    const forget = (): void => void lives.delete(life)
    life.then(forget, forget)
  }

  const mutexOf = (portalId: string): Mutex => {
    const mutex = mutexes.get(portalId) ?? new Mutex()
    mutexes.set(portalId, mutex)
    return mutex
  }
  const holder = async (portalId: string): Promise<RunSnapshot | undefined> => {
    const here = actives.get(portalId)
    if (here !== undefined) return here.live.current()
    return (await journal.unfinished()).find(record => record.portalId === portalId)?.snapshot
  }

  /** Nothing begins any more. */
  const refusal = async (portalId: string): Promise<AppError> => {
    const run = await holder(portalId)
    return run === undefined ? startsNothing() : busy(run)
  }

  const end = (active: Active, ending: Ending): void => {
    active.ending = together(active.ending, ending)
    active.runner?.end(active.ending)
  }

  const begin: Driver['begin'] = async (record, channel, mode, check) => {
    const { portalId } = record
    if (stopping) throw await refusal(portalId)
    const mutex = mutexOf(portalId)
    if (mutex.isLocked()) throw actives.get(portalId)?.unwritten ?? busy(await holder(portalId))
    const begun = deferred<RunSnapshot>()
    const life = mutex.runExclusive(async () => {
      const asked = momentOf(clock)
      const lease = await leases.acquire(portalId)
      if (lease === null) throw busy(await holder(portalId))
      if (stopping) {
        await leases.release(lease)
        throw await refusal(portalId)
      }
      const active: Active = {
        record,
        live: createLiveRun(record.snapshot, clock),
        runner: undefined,
        unwritten: undefined,
        ending: undefined
      }
      actives.set(portalId, active)
      try {
        await underLease(
          deps,
          lease,
          asked,
          async confirm => {
            await check?.()
            const { live } = active
            const unwritten = (error: AppError | undefined): void => {
              const news = active.unwritten === undefined && error !== undefined
              active.unwritten = error
              if (news) deps.onRun?.(live.current())
            }
            const runner = await openAttempt(deps, { lease, record, channel, mode, live, unwritten, confirm })
            active.runner = runner
            if (active.ending !== undefined) runner.end(active.ending)
            begun.resolve(active.live.current())
            deps.onRun?.(active.live.current())
            await heedCancel(deps, record.id, runner)
          },
          () => active.runner?.end(interrupted(false))
        )
      } finally {
        actives.delete(portalId)
        active.live.end()
        if (active.runner !== undefined && active.unwritten === undefined) {
          deps.onRun?.(active.live.current())
          ended({ ...record, snapshot: active.live.current() }, channel)
        }
      }
    })
    remember(life)
    // Rejects the start if it had not begun; afterwards the run has ended and the error is an internal one.
    life.catch(begun.reject)
    begun.promise.then(
      () => life.catch(deps.onCrash),
      () => undefined
    )
    return begun.promise
  }

  const alone: Driver['alone'] = (portalId, work) => {
    const mutex = mutexOf(portalId)
    if (stopping || mutex.isLocked()) return Promise.resolve(false)
    const life = mutex.runExclusive(async () => {
      const asked = momentOf(clock)
      const lease = await leases.acquire(portalId)
      if (lease === null) return false
      await underLease(
        deps,
        lease,
        asked,
        confirm => work(lease, confirm),
        () => undefined
      )
      return true
    })
    remember(life)
    return life
  }

  return {
    begin,
    alone,
    activeAt: portalId => actives.get(portalId),
    activeRun: runId => [...actives.values()].find(({ record }) => record.id === runId),
    holder,
    end,
    remember,
    stopping: () => stopping,
    async stop(ending) {
      stopping = true
      for (const active of actives.values()) end(active, ending)
      await Promise.allSettled(lives)
    }
  }
}
