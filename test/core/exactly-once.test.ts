// Any recipe, any fates of requests, any kill point: every row is accounted for exactly once.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createChannel } from '../../server/core/channel.ts'
import type { Clock } from '../../server/core/clock.ts'
import { AppError, databaseFailed } from '../../server/core/errors.ts'
import type { Portal } from '../../server/core/portal.ts'
import type { Operation } from '../../server/core/recipe.ts'
import { applyRunEvent, initialRunState, toSnapshot } from '../../server/core/run/fold.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { createDisk, type Disk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal, type Fate, type ModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

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
const runToTheEnd = async (
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
  }
  throw new Error(`The run ${runId} never completed: ${JSON.stringify(disk.records.get('run1')?.snapshot)}`)
}

const duplicates = (ids: readonly string[]): string[] => ids.filter((id, index) => ids.indexOf(id) !== index)

/** Every prefix of a journal folds to a valid snapshot, and percent never falls. */
const expectValidPrefixes = (disk: Disk, operation: Operation): void => {
  let state = initialRunState(operation)
  let percent = 0
  for (const event of disk.events.get('run1') ?? []) {
    state = applyRunEvent(state, event)
    const snapshot = toSnapshot(state, { id: 'run1', portal: 'p', startedAt: 0, startedBy: 'test' })
    expect(snapshot.percent).toBeGreaterThanOrEqual(percent)
    expect(snapshot.percent).toBeLessThanOrEqual(100)
    expect(snapshot.done).toBeLessThanOrEqual(snapshot.total)
    percent = snapshot.percent
  }
}

const kills = fc.array(fc.tuple(fc.integer({ min: 1, max: 25 }), fc.boolean()), { maxLength: 4 })
const failing = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { minLength: 1, maxLength: 6 })
const fateScript = fc.array(fate, { maxLength: 30 })

describe('exactly once', () => {
  it('creates every row once, whatever happens to requests and whenever the process is killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 60 }),
        fateScript,
        kills,
        async (companies, contacts, fates, deaths) => {
          const operation: Operation = { kind: 'create', recipe: { companies, contacts, seed: 1, locale: 'ru' } }
          const { snapshot, disk, portal } = await runToTheEnd(operation, fates, deaths)
          const records = [...portal.companies.values(), ...portal.contacts.values()]
          expect(duplicates(records.map(({ originId }) => originId))).toEqual([])
          expect(records.length + snapshot.failed).toBe(companies + contacts)
          expect(snapshot.created).toEqual({ companies: portal.companies.size, contacts: portal.contacts.size })
          expect(snapshot.percent).toBe(100)
          for (const contact of portal.contacts.values()) {
            const row = Number(contact.originId.split(':')[1])
            const company = portal.companies.get(contact.companyId)
            expect(company?.originId).toBe(`run1:${((row - companies - 1) % companies) + 1}`)
          }
          expectValidPrefixes(disk, operation)
        }
      ),
      { numRuns: 150 }
    )
  }, 120_000)

  it('creates and counts every row once where single writes fail, and others do not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fateScript,
        kills,
        failing,
        async (pairs, fates, deaths, failures) => {
          const operation: Operation = {
            kind: 'create',
            recipe: { companies: pairs, contacts: pairs, seed: 1, locale: 'ru' }
          }
          const { snapshot, portal } = await runToTheEnd(operation, fates, deaths, undefined, failures)
          const records = [...portal.companies.values(), ...portal.contacts.values()]
          expect(duplicates(records.map(({ originId }) => originId))).toEqual([])
          expect(snapshot).toMatchObject({ total: 2 * pairs, done: 2 * pairs, percent: 100 })
          expect(snapshot.created).toEqual({ companies: portal.companies.size, contacts: portal.contacts.size })
        }
      ),
      { numRuns: 200 }
    )
  }, 120_000)

  it('counts no deleted record twice where single writes fail', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fateScript, kills, failing, async (records, ...strikes) => {
        const [fates, deaths, failures] = strikes
        const seed = ({ companies }: ModelPortal): void => {
          for (let id = 1; id <= records; id += 1) companies.set(id, { id, originId: '', companyId: 0 })
        }
        const operation: Operation = { kind: 'clear', scope: 'all' }
        const { snapshot, portal } = await runToTheEnd(operation, fates, deaths, seed, failures)
        expect(portal.companies.size).toBe(snapshot.failed)
        expect(snapshot.done).toBeLessThanOrEqual(records)
        expect(snapshot.percent).toBe(100)
      }),
      { numRuns: 100 }
    )
  }, 120_000)

  it('creates contacts for a company that is there already, each once and linked to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fateScript, kills, async (contacts, fates, deaths) => {
        const companyId = 1_000_000
        const recipe = { companies: 0, contacts, seed: 1, locale: 'ru', companyId } as const
        const operation: Operation = { kind: 'create', recipe }
        const { snapshot, disk, portal } = await runToTheEnd(operation, fates, deaths, ({ companies }) => {
          companies.set(companyId, { id: companyId, originId: '', companyId: 0 })
        })
        expect(portal.companies.size).toBe(1)
        expect(duplicates([...portal.contacts.values()].map(({ originId }) => originId))).toEqual([])
        expect(portal.contacts.size + snapshot.failed).toBe(contacts)
        expect(snapshot).toMatchObject({ total: contacts, percent: 100, created: { contacts: portal.contacts.size } })
        for (const contact of portal.contacts.values()) expect(contact.companyId).toBe(companyId)
        expectValidPrefixes(disk, operation)
      }),
      { numRuns: 60 }
    )
  }, 60_000)

  it('clears what existed when it began, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 130 }),
        fc.integer({ min: 0, max: 130 }),
        fc.constantFrom('created' as const, 'all' as const),
        fateScript,
        kills,
        async (ours, foreign, scope, fates, deaths) => {
          const operation: Operation = { kind: 'clear', scope }
          const { snapshot, disk, portal } = await runToTheEnd(operation, fates, deaths, ({ companies, contacts }) => {
            for (let n = 1; n <= ours + foreign; n += 1) {
              const originId = n % 2 === 0 && n / 2 <= ours ? `old:${n}` : ''
              companies.set(n, { id: n, originId, companyId: 0 })
              contacts.set(1000 + n, { id: 1000 + n, originId, companyId: n })
            }
          })
          const left = [...portal.companies.values(), ...portal.contacts.values()]
          expect(left.filter(({ originId }) => scope === 'all' || originId !== '')).toEqual([])
          const kept = scope === 'all' ? 0 : 2 * (ours + foreign) - 2 * Math.min(ours, Math.floor((ours + foreign) / 2))
          expect(left.length).toBe(kept)
          expect(snapshot.deleted.companies + snapshot.deleted.contacts).toBe(2 * (ours + foreign) - kept)
          expect(snapshot.total).toBe(snapshot.done)
          expectValidPrefixes(disk, operation)
        }
      ),
      { numRuns: 100 }
    )
  }, 120_000)
})
