// What a look-up found could not be written down, and what followed from it could: the next attempt counts each row once.
// Must stay true: through the real createRuns; time is virtual.
import { expect, test } from 'vitest'
import { databaseFailed } from '../../server/core/errors.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal, type Fate } from '../support/model-portal.ts'
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
