// What becomes of runs that are over: their journals are compacted, and after some time they go.
// Must stay true: a run that is under way is never touched; every step is small, and may be the last one before the process ends.
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { type Compaction, createCompaction } from './compact.ts'
import type { Journal } from './journal.ts'
import type { RunEvent } from './run.ts'

const DAY_MS = 86_400_000
/** A run that has just ended may soon go on, or be looked into. */
const COMPACT_AFTER_MS = DAY_MS
/** Beyond so many runs of a portal the oldest go before their time. */
const MOST_RUNS = 1000
/** Events deleted, or read, in one step; and runs marked. */
const ROWS = 500
const RUNS = 100
/** Between two steps: whatever else wants the storage comes first. */
const PAUSE_MS = 10

/** A run whose journal is whole. `lastSeq`: how far that reaches. */
export interface EndedRun {
  readonly id: string
  readonly lastSeq: number
}

/** The storage as keeping sees it: each call is one small step, which another process may take at the same moment. */
export interface Archive {
  /** Ended runs whose journals are whole, the one that ended first first. `before`: unix ms. */
  compactable(before: number, limit: number): Promise<EndedRun[]>
  /** Puts events in the place of a run's journal; false when the run has gone on since. What was replaced is deleted by a later `clean`. */
  replace(run: EndedRun, events: readonly RunEvent[]): Promise<boolean>
  /** Takes up to `limit` runs out of the history that ended before a moment, or are more than `most` of their portal. @returns how many */
  expire(before: number, most: number, limit: number): Promise<number>
  /** Deletes up to `rows` events that nobody needs any more; false when there are none. */
  clean(rows: number): Promise<boolean>
  /** Gives a little of the free space back; false when it is not worth more. */
  shrink(): Promise<boolean>
}

export interface KeepingDeps {
  readonly archive: Archive
  readonly journal: Pick<Journal, 'events'>
  readonly clock: Clock
  /** 0: nothing is ever removed. */
  readonly days: number
  /** A run is left as it is, because of this. Once for each run. */
  readonly onDamaged: (error: unknown) => void
}

/** What one sweep has done. */
export interface Swept {
  readonly compacted: number
  readonly removed: number
}

/** Does all that is due, step by step, until `signal` aborts. @throws {AppError} STORAGE_FAILED, DATABASE_FAILED */
export type Sweep = (signal: AbortSignal) => Promise<Swept>

export const createKeeping = ({ archive, journal, clock, days, onDamaged }: KeepingDeps): Sweep => {
  const left = new Set<string>()

  /** Undefined where there is nothing that could be compacted. */
  const compactedEvents = async (runId: string): Promise<RunEvent[] | undefined> => {
    let compaction: Compaction | undefined
    let read = 0
    for await (const event of journal.events(runId)) {
      if (event.type === 'run.started') compaction ??= createCompaction(event.operation)
      if (compaction === undefined) return undefined
      compaction.follow(event)
      read += 1
      if (read % ROWS === 0) await clock.sleep(PAUSE_MS)
    }
    return compaction?.events()
  }
  /** A run that cannot be read is left alone, and does not keep the others from being compacted. */
  const readable = async (runId: string): Promise<RunEvent[] | undefined> => {
    try {
      const events = await compactedEvents(runId)
      if (events === undefined) left.add(runId)
      return events
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'STORAGE_DAMAGED')) throw error
      left.add(runId)
      onDamaged(error)
      return undefined
    }
  }

  return async signal => {
    /** As often as `work` has something to do. */
    const repeat = async (work: () => Promise<boolean>): Promise<void> => {
      while (!signal.aborted && (await work())) await clock.sleep(PAUSE_MS, signal)
    }
    /** Those that were tried in this sweep: a run that has gone on meanwhile is not asked for again. */
    const tried = new Set(left)
    let compacted = 0
    let removed = 0
    const compactOne = async (): Promise<boolean> => {
      const runs = await archive.compactable(clock.now() - COMPACT_AFTER_MS, tried.size + 1)
      const run = runs.find(({ id }) => !tried.has(id))
      if (run === undefined) return false
      tried.add(run.id)
      const events = await readable(run.id)
      if (events === undefined || !(await archive.replace(run, events))) return true
      compacted += 1
      tried.delete(run.id)
      return true
    }
    const expireSome = async (): Promise<boolean> => {
      const marked = await archive.expire(clock.now() - days * DAY_MS, MOST_RUNS, RUNS)
      removed += marked
      return marked > 0
    }

    // First what earlier sweeps have left: whoever was reading it then has read it by now.
    await repeat(() => archive.clean(ROWS))
    await repeat(() => archive.shrink())
    if (days > 0) await repeat(expireSome)
    await repeat(compactOne)
    return { compacted, removed }
  }
}
