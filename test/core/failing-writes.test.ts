// Writes that fail alone, for whoever wrote, while others succeed: the next attempt counts each row once.
// Must stay true: through the real createRuns; time is virtual.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { databaseFailed } from '../../server/core/errors.ts'
import type { Operation } from '../../server/core/recipe.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal, type Fate, type ModelPortal } from '../support/model-portal.ts'
import { duplicates, failing, fateScript, kills, runToTheEnd } from '../support/struck-runs.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, runsOver, toTheEnd } from '../support/virtual-runs.ts'

test('rows that go out again although the look-up that allowed it is forgotten are counted once', async () => {
  const clock = createVirtualClock()
  const fine: Fate = { is: 'fine' }
  const never: Fate = { is: 'never arrives' }
  const model = createModelPortal(clock, [fine, never, never, fine, fine, never], 60)
  const disk = createDisk()
  const { journal, leases } = openMemoryJournal(disk)
  let failures = 0
  const write: Journal['append'] = async (...call) => {
    if (failures > 0 || call[2].every(({ type }) => type !== 'rows.reconciled')) return journal.append(...call)
    failures += 1
    await clock.sleep(10_000) // meanwhile the run prepares what goes out next
    throw databaseFailed(new Error('Connection terminated unexpectedly'))
  }
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other, as the store does it; one that fails does so alone. */
  const append: Journal['append'] = (...call) => {
    const written = last.then(() => write(...call))
    last = written.catch(() => undefined)
    return written
  }
  const runs = runsOver({ ...journal, append }, leases, clock, 60)
  const channel = channelTo(model.portal, clock, 60)
  await pass(clock, async () => {
    await runs.start(channel, companiesAndContacts(2, 2), nobody)
    expect(await toTheEnd(runs)).toMatchObject({ status: 'failed', failure: { code: 'DATABASE_FAILED' } })
    const events = disk.events.get('run1') ?? []
    expect(events.some(event => event.type === 'batch.settled' && event.returned.company !== undefined)).toBe(true)
    await runs.resume('run1', channel)
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed', total: 4, done: 4 })
  })
  expect([model.companies.size, model.contacts.size]).toEqual([2, 2])
})

test('creates and counts every row once where single writes fail, and others do not', async () => {
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

test('counts no deleted record twice where single writes fail', async () => {
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

test('an end that cannot be written is told as failed until it is on disk, and nothing begins before', async () => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], 60)
  const disk = createDisk()
  const { journal, leases } = openMemoryJournal(disk)
  let broken = true
  const append: Journal['append'] = async (...call) => {
    if (broken && call[2].some(({ type }) => type === 'run.finished')) throw databaseFailed(new Error('no connection'))
    return journal.append(...call)
  }
  const runs = runsOver({ ...journal, append }, leases, clock, 60)
  const channel = channelTo(model.portal, clock, 60)
  const failed = { status: 'failed', failure: { code: 'DATABASE_FAILED' }, done: 4 }
  await pass(clock, async () => {
    const { id } = await runs.start(channel, companiesAndContacts(2, 2), nobody)
    // Everything was done; it is no success before that is on disk.
    expect(await toTheEnd(runs)).toMatchObject(failed)
    for (let look = 0; look < 3; look += 1) {
      await clock.sleep(10_000)
      expect((await runs.find(id))?.snapshot).toMatchObject(failed)
      expect((await runs.list(channel.portal.id, { limit: 50 })).runs).toMatchObject([failed])
      expect(await runs.latest(channel.portal.id)).toMatchObject(failed)
      expect(runs.unwritten(id)).toBe(true)
      expect(await toTheEnd(runs)).toMatchObject(failed)
      await expect(runs.start(channel, companiesAndContacts(1, 0), nobody)).rejects.toMatchObject(failed.failure)
      await expect(runs.resume(id, channel)).rejects.toMatchObject(failed.failure)
      await expect(runs.retry(id, channel, nobody)).rejects.toMatchObject(failed.failure)
      await expect(runs.remove(id)).rejects.toMatchObject(failed.failure)
      await expect(runs.cancel(id)).rejects.toMatchObject({ code: 'NOT_ACTIVE' })
    }
    const told = (await runs.find(id))?.snapshot.finishedAt ?? ''
    broken = false
    await clock.sleep(2000)
    expect((await runs.find(id))?.snapshot).toMatchObject({ status: 'completed', failure: null, done: 4 })
    expect(runs.unwritten(id)).toBe(false)
    expect(disk.records.get(id)?.snapshot.status).toBe('completed')
    // Whoever saw the failure sees that this is news.
    const written = disk.records.get(id)?.snapshot.finishedAt ?? ''
    expect(Date.parse(written)).toBeGreaterThan(Date.parse(told))
  })
  expect([model.companies.size, model.contacts.size]).toEqual([2, 2])
})

test('a process that stops does not wait for an end that cannot be written', async () => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], 60)
  const disk = createDisk()
  const { journal, leases } = openMemoryJournal(disk)
  const append: Journal['append'] = async (...call) => {
    if (call[2].some(({ type }) => type === 'run.finished')) throw databaseFailed(new Error('no connection'))
    return journal.append(...call)
  }
  const runs = runsOver({ ...journal, append }, leases, clock, 60)
  await pass(clock, async () => {
    await runs.start(channelTo(model.portal, clock, 60), companiesAndContacts(2, 2), nobody)
    await toTheEnd(runs)
    await runs.stop()
  })
  expect(disk.records.get('run1')?.snapshot.status).toBe('running')
})

test('a write that takes long is what the run is said to wait for', async () => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], 60)
  const disk = createDisk()
  const { journal, leases } = openMemoryJournal(disk)
  let slow = true
  const append: Journal['append'] = async (...call) => {
    if (slow && call[2].some(({ type }) => type === 'batch.settled')) {
      slow = false
      await clock.sleep(20_000)
    }
    return journal.append(...call)
  }
  const runs = runsOver({ ...journal, append }, leases, clock, 60)
  await pass(clock, async () => {
    await runs.start(channelTo(model.portal, clock, 60), companiesAndContacts(2, 2), nobody)
    const heard: (string | null)[] = []
    for await (const { waitingFor } of runs.watch('run1', new AbortController().signal)) heard.push(waitingFor)
    expect(heard).toContain('storage')
    expect(heard.at(-1)).toBeNull()
  })
})
