// What watchers are shown, and what is stored for them, beside what the journal knows: in virtual time, over one disk.
// Must stay true: a snapshot never says more than the journal.
import { expect, test } from 'vitest'
import { storageFailed } from '../../server/core/errors.ts'
import { applyRunEvent, initialRunState } from '../../server/core/run/fold.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, runsOver } from '../support/virtual-runs.ts'

const many = companiesAndContacts(2000, 0)

const setUp = () => {
  const clock = createVirtualClock()
  const disk = createDisk()
  const { journal, leases } = openMemoryJournal(disk)
  const channel = channelTo(createModelPortal(clock, [], 60).portal, clock, 60)
  return { clock, disk, journal, channel, runsWith: (other: Journal) => runsOver(other, leases, clock, 60) }
}

test('what came back is shown when it is on disk, and not before', async () => {
  const { clock, disk, journal: whole, channel, runsWith } = setUp()
  const journal: Journal = {
    ...whole,
    async append(lease, runId, written, snapshot) {
      if (written.some(({ type }) => type === 'batch.settled')) await clock.sleep(3000)
      await whole.append(lease, runId, written, snapshot)
    }
  }
  const runs = runsWith(journal)
  const ahead: number[] = []
  let shown = 0
  await pass(clock, async () => {
    await runs.start(channel, many, nobody)
    for await (const { done } of runs.watch('run1', new AbortController().signal)) {
      shown += 1
      ahead.push(done - (disk.records.get('run1')?.snapshot.done ?? 0))
    }
  })
  expect(shown).toBeGreaterThan(5)
  expect(Math.max(...ahead)).toBe(0)
})

test('what could not be written is neither shown nor stored, although later writes get through', async () => {
  const { clock, disk, journal: whole, channel, runsWith } = setUp()
  let answers = 0
  const journal: Journal = {
    ...whole,
    async append(lease, runId, written, snapshot) {
      if (written.some(({ type }) => type === 'batch.settled')) answers += 1
      if (answers === 3) {
        answers += 1
        throw storageFailed(new Error('disk full'))
      }
      // As slow as a disk: several writes are under way at once.
      await clock.sleep(200)
      await whole.append(lease, runId, written, snapshot)
    }
  }
  const onDisk = () => (disk.events.get('run1') ?? []).reduce(applyRunEvent, initialRunState(many)).created.company
  const runs = runsWith(journal)
  let last: RunSnapshot | undefined
  await pass(clock, async () => {
    await runs.start(channel, many, nobody)
    for await (const snapshot of runs.watch('run1', new AbortController().signal)) {
      expect(snapshot.done).toBeLessThanOrEqual(onDisk())
      last = snapshot
    }
  })
  expect(answers).toBeGreaterThan(4)
  expect(last).toMatchObject({ status: 'failed', failure: { code: 'STORAGE_FAILED' }, done: onDisk() })
  expect(disk.records.get('run1')?.snapshot).toEqual(last)
})
