// The first lines of a run, where the storage does not say whether it has them.
// Must stay true: a start that was refused is carried out by nobody; one that was carried out is not refused.
import { expect, test } from 'vitest'
import { databaseFailed } from '../../server/core/errors.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, runsOver, toTheEnd } from '../support/virtual-runs.ts'

const failure = databaseFailed(new Error('Connection terminated unexpectedly'))

const setUp = (change: (journal: Journal) => Partial<Journal>) => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], 60)
  const { journal, leases } = openMemoryJournal(createDisk())
  const runs = runsOver({ ...journal, ...change(journal) }, leases, clock, 60)
  const channel = channelTo(model.portal, clock, 60)
  return {
    runs,
    records: () => [model.companies.size, model.contacts.size],
    start: () => runs.start(channel, companiesAndContacts(3, 3), nobody),
    recover: () => runs.recover(async () => channel),
    pass: (work: () => Promise<unknown>) => pass(clock, work)
  }
}

test('written, and the answer lost: the run has begun', async () => {
  const { runs, records, start, pass } = setUp(({ create }) => ({
    async create(...call) {
      await create(...call)
      throw failure
    }
  }))
  await pass(async () => {
    expect(await start()).toMatchObject({ id: 'run1', status: 'running' })
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed', done: 6 })
  })
  expect(records()).toEqual([3, 3])
})

test('not written: the start is refused, and nobody finds a run to go on with', async () => {
  const { records, start, recover, pass } = setUp(() => ({ create: () => Promise.reject(failure) }))
  await pass(async () => {
    await expect(start()).rejects.toBe(failure)
    await recover()
  })
  expect(records()).toEqual([0, 0])
})

test('where that cannot be read either, the refusal says to look before it is tried again', async () => {
  const { start, pass } = setUp(() => ({ create: () => Promise.reject(failure), find: () => Promise.reject(failure) }))
  await pass(async () => {
    await expect(start()).rejects.toMatchObject({
      status: 503,
      code: 'DATABASE_FAILED',
      message: expect.stringContaining('GET /api/runs')
    })
  })
})
