// Runs to their end through drawn fates of requests, kills of processes and failing writes.
// Must stay true: the real createRuns, in virtual time; whatever crashes inside fails the test.
import fc from 'fast-check'
import { expect } from 'vitest'
import { createChannel } from '../../server/core/channel.ts'
import type { Clock } from '../../server/core/clock.ts'
import { AppError, databaseFailed } from '../../server/core/errors.ts'
import type { Portal } from '../../server/core/portal.ts'
import type { Operation } from '../../server/core/recipe.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { createDisk, type Disk, openMemoryJournal } from './memory-journal.ts'
import { createModelPortal, type Fate, type ModelPortal } from './model-portal.ts'
import { createVirtualClock } from './virtual-clock.ts'

const REQUEST_SECONDS = 10

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>({ is: 'fine' }) },
  fc.constant<Fate>({ is: 'answer lost' }),
  fc.constant<Fate>({ is: 'never arrives' }),
  fc.constant<Fate>({ is: 'refused connection' }),
  fc.constant<Fate>({ is: 'too many requests' }),
  fc.double({ min: 0, max: REQUEST_SECONDS, noNaN: true }).map((seconds): Fate => ({ is: 'goes on', seconds })),
  fc.nat(8).map((after): Fate => ({ is: 'dies', after })),
  fc.nat(3).map((gap): Fate => ({ is: 'delivered twice', gap })),
  fc.nat(3).map((gap): Fate => ({ is: 'refused the second time', gap })),
  fc.nat(8).map((after): Fate => ({ is: 'limit inside', after })),
  fc.nat(8).map((index): Fate => ({ is: 'result missing', index })),
  fc.nat(8).map((index): Fate => ({ is: 'row refused', index }))
)

interface Ending {
  readonly snapshot: RunSnapshot
  readonly disk: Disk
  readonly portal: ModelPortal
}

/** At which write something goes wrong, and whether the write was kept. */
type Strike = readonly [at: number, keep: boolean]

/** Writes one after the other, each takes some time; those that are struck fail alone, for whoever wrote. */
const withFailures = (strikes: readonly Strike[], clock: Clock) => {
  let writes = 0
  return ({ append }: Journal): Journal['append'] => {
    let last: Promise<unknown> = Promise.resolve()
    const write: Journal['append'] = async (...call) => {
      writes += 1
      const strike = strikes.find(([at]) => at === writes)
      await clock.sleep(strike === undefined ? 20 : 2000)
      if (strike === undefined || strike[1]) await append(...call)
      if (strike !== undefined) throw databaseFailed(new Error('Connection terminated unexpectedly'))
    }
    return (...call) => {
      const written = last.then(() => write(...call))
      last = written.catch(() => undefined)
      return written
    }
  }
}

/** An attempt whose first lines could not be written: somebody tries it again. */
const isRefused = (error: unknown): boolean => error instanceof AppError && error.code === 'DATABASE_FAILED'

/** Runs an operation through kills until it is completed. `kills`: of each process; `failures`: of all writes together. */
export const runToTheEnd = async (
  operation: Operation,
  fates: readonly Fate[],
  kills: readonly Strike[],
  seed: (portal: ModelPortal) => void = () => undefined,
  failures: readonly Strike[] = []
): Promise<Ending> => {
  const clock = createVirtualClock()
  const unreliable = withFailures(failures, clock)
  const portal = createModelPortal(clock, fates, REQUEST_SECONDS)
  seed(portal)
  const disk = createDisk()
  let runId: string | undefined
  for (let life = 0; life < kills.length + 60; life += 1) {
    const [killAt, keep] = kills[life] ?? [Number.POSITIVE_INFINITY, false]
    const memory = openMemoryJournal(disk, killAt, keep)
    // A dead process sends nothing; what it had sent is still executed by the portal.
    const alive: Portal = {
      ...portal.portal,
      execute: (...args) => (memory.killed() ? new Promise(() => undefined) : portal.portal.execute(...args))
    }
    const channel = createChannel(
      alive,
      createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds: REQUEST_SECONDS }),
      clock
    )
    const crashes: unknown[] = []
    let refused = 0
    const runs: Runs = createRuns({
      journal: failures.length === 0 ? memory.journal : { ...memory.journal, append: unreliable(memory.journal) },
      leases: memory.leases,
      clock,
      random: () => 0.5,
      newId: () => 'run1',
      requestSeconds: REQUEST_SECONDS,
      autoResume: false,
      onCrash: error => {
        if (isRefused(error)) refused += 1
        else crashes.push(error)
      }
    })
    const live = async (): Promise<void> => {
      if (disk.records.size === 0) runId = (await runs.start(channel, operation, { userId: null, name: 'test' })).id
      else {
        await runs.recover(async () => channel)
        if (refused > 0) return // whoever looks after unfinished runs comes again
        for await (const _ of runs.watch('run1', new AbortController().signal));
        const status = disk.records.get('run1')?.snapshot.status
        if (status !== 'completed') await runs.resume('run1', channel)
      }
      for await (const _ of runs.watch('run1', new AbortController().signal));
    }
    let over = false
    let failure: unknown
    live().then(
      () => {
        over = true
      },
      error => {
        if (!isRefused(error)) failure = error
        over = true
      }
    )
    await clock.runUntil(() => over || memory.killed())
    if (failure !== undefined) throw failure
    expect(crashes).toEqual([])
    const snapshot = disk.records.get('run1')?.snapshot
    if (over && snapshot?.status === 'completed') return { snapshot, disk, portal }
    // It still tries to write its end: two of them would drive one portal, which leases prevent.
    if (!memory.killed()) {
      let stopped = false
      void runs.stop().then(() => {
        stopped = true
      })
      await clock.runUntil(() => stopped || memory.killed())
    }
  }
  throw new Error(`The run ${runId} never completed: ${JSON.stringify(disk.records.get('run1')?.snapshot)}`)
}

export const kills = fc.array(fc.tuple(fc.integer({ min: 1, max: 25 }), fc.boolean()), { maxLength: 4 })
export const failing = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { minLength: 1, maxLength: 6 })
export const fateScript = fc.array(fate, { maxLength: 30 })

export const duplicates = (ids: readonly string[]): string[] => ids.filter((id, index) => ids.indexOf(id) !== index)
