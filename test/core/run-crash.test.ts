// An error that nobody expected, wherever it comes up: the run ends as a run does, and can go on.
// Must stay true: time is virtual; the error reaches the log.
import { expect, test } from 'vitest'
import type { Portal } from '../../server/core/portal.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import { createRuns } from '../../server/core/run/runs.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, toTheEnd } from '../support/virtual-runs.ts'

const bug = new TypeError('Cannot read properties of undefined')

const setUp = (change: { portal?: Partial<Portal>; append?: (append: Journal['append']) => Journal['append'] }) => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], 60)
  const disk = createDisk()
  const { journal, leases } = openMemoryJournal(disk)
  const crashes: unknown[] = []
  const runs = createRuns({
    ...{ leases, clock, random: () => 0.5, newId: () => 'run1', requestSeconds: 60, autoResume: false },
    journal: { ...journal, append: change.append?.(journal.append) ?? journal.append },
    onCrash: error => crashes.push(error)
  })
  const ended = () => disk.events.get('run1')?.at(-1)
  return { clock, model, runs, channel: channelTo({ ...model.portal, ...change.portal }, clock, 60), crashes, ended }
}

test('before the first batch: the run has failed, and goes on when it is resumed', async () => {
  const { clock, model, runs, channel, crashes, ended } = setUp({ portal: { execute: () => Promise.reject(bug) } })
  await pass(clock, async () => {
    await runs.start(channel, companiesAndContacts(5, 5), nobody)
    expect(await toTheEnd(runs)).toMatchObject({ status: 'failed', failure: { code: 'INTERNAL_ERROR' } })
    expect(ended()).toMatchObject({ type: 'run.finished', status: 'failed' })
    expect(crashes).toEqual([bug])
    await runs.resume('run1', channelTo(model.portal, clock, 60))
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed', done: 10 })
  })
})

test('when a cancel is written down: the run ends cancelled', async () => {
  const { clock, runs, channel, crashes, ended } = setUp({
    append:
      append =>
      (...call) =>
        call[2].some(({ type }) => type === 'cancel.requested') ? Promise.reject(bug) : append(...call)
  })
  await pass(clock, async () => {
    await runs.start(channel, companiesAndContacts(2000, 0), nobody)
    await clock.sleep(1000)
    await runs.cancel('run1')
    expect(await toTheEnd(runs)).toMatchObject({ status: 'cancelled' })
  })
  expect(ended()).toMatchObject({ type: 'run.finished', status: 'cancelled' })
  expect(crashes).toEqual([bug])
})
