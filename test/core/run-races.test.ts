// Starting, stopping, cancelling and taking over at the same time: in virtual time, over one disk.
import { expect, onTestFinished, test } from 'vitest'
import { createChannel } from '../../server/core/channel.ts'
import { storageFailed } from '../../server/core/errors.ts'
import type { Operation } from '../../server/core/recipe.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

const requestSeconds = 60
const nobody = { userId: null, name: 'test' }
const many: Operation = { kind: 'create', recipe: { companies: 2000, contacts: 0, seed: 1, locale: 'ru' } }

const setUp = () => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], requestSeconds)
  const disk = createDisk()
  const { journal, leases, kill, killed } = openMemoryJournal(disk)
  const pace = createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds })
  const channel = createChannel(model.portal, pace, clock)
  const crashes: unknown[] = []
  const onCrash = (error: unknown): void => void crashes.push(error)
  onTestFinished(() => expect(crashes).toEqual([]))
  const newId = () => 'run1'
  const deps = { journal, leases, clock, random: () => 0.5, newId, requestSeconds, autoResume: true, onCrash }
  /** Plays a story to its end. */
  const play = async (story: () => Promise<void>): Promise<void> => {
    let over = false
    const told = story().finally(() => {
      over = true
    })
    await clock.runUntil(() => over)
    await told
  }
  const status = () => disk.records.get('run1')?.snapshot.status
  const events = () => (disk.events.get('run1') ?? []).map(({ type }) => type).filter(type => !type.startsWith('batch'))
  return { clock, model, disk, channel, deps, kill, killed, play, status, events }
}

const ended = async (runs: Runs): Promise<void> => {
  for await (const _snapshot of runs.watch('run1', new AbortController().signal));
}

test('a run that was cancelled while unfinished runs were listed stays cancelled', async () => {
  const { clock, channel, deps, play, status, events } = setUp()
  let listing: Promise<void> | undefined
  const journal: typeof deps.journal = {
    ...deps.journal,
    async unfinished() {
      const list = await deps.journal.unfinished()
      await listing
      return list
    }
  }
  const runs = createRuns({ ...deps, journal })
  await play(async () => {
    await runs.start(channel, many, nobody)
    await clock.sleep(2000)
    listing = clock.sleep(30_000)
    const recovering = runs.recover(async () => channel)
    await runs.cancel('run1')
    await ended(runs)
    await recovering
    await ended(runs)
  })
  expect([status(), events()]).toEqual([
    'cancelled',
    ['run.started', 'cancel.requested', 'rows.counted', 'run.finished']
  ])
})

test('a run that was asked to stop ends cancelled after a crash, also where others go on by themselves', async () => {
  const { clock, disk, channel, deps, kill, killed, play, status } = setUp()
  const journal: typeof deps.journal = {
    ...deps.journal,
    async append(lease, runId, written, snapshot) {
      await deps.journal.append(lease, runId, written, snapshot)
      if (written.some(({ type }) => type === 'cancel.requested')) kill()
    }
  }
  const first = createRuns({ ...deps, journal })
  const created = () => disk.records.get('run1')?.snapshot.created.companies
  await play(async () => {
    await first.start(channel, many, nobody)
    await clock.sleep(1000)
    await first.cancel('run1')
    while (!killed()) await clock.sleep(10)
    const next = openMemoryJournal(disk)
    const second = createRuns({ ...deps, journal: next.journal, leases: next.leases })
    await second.recover(async () => channel)
    await ended(second)
  })
  expect(status()).toBe('cancelled')
  expect(created()).toBeLessThan(2000)
})

test('a cancel that was answered survives a crash before the run has written it down', async () => {
  const { clock, disk, channel, deps, kill, play, status } = setUp()
  const journal: typeof deps.journal = {
    ...deps.journal,
    append: (lease, runId, written, snapshot) =>
      written.some(({ type }) => type === 'cancel.requested')
        ? new Promise<never>(() => undefined)
        : deps.journal.append(lease, runId, written, snapshot)
  }
  const runs = createRuns({ ...deps, journal })
  await play(async () => {
    await runs.start(channel, many, nobody)
    await clock.sleep(1000)
    await runs.cancel('run1')
    kill()
    const next = openMemoryJournal(disk)
    const second = createRuns({ ...deps, journal: next.journal, leases: next.leases })
    await second.recover(async () => channel)
    await ended(second)
  })
  expect(status()).toBe('cancelled')
})

test('is cancelled from another process within seconds, and can be resumed there', async () => {
  const { clock, model, channel, deps, play, status } = setUp()
  const [here, there] = [createRuns(deps), createRuns({ ...deps, autoResume: false })]
  await play(async () => {
    await here.start(channel, many, nobody)
    await clock.sleep(1000)
    expect(await there.cancel('run1')).toMatchObject({ id: 'run1' })
    await ended(there)
    expect(status()).toBe('cancelled')
    await expect(there.cancel('run1')).rejects.toMatchObject({ code: 'NOT_ACTIVE' })
    await there.resume('run1', channel)
    await ended(there)
  })
  expect([status(), model.companies.size]).toEqual(['completed', 2000])
})

test('a process that died after it was told to cancel by another leaves a cancelled run', async () => {
  const { clock, disk, channel, deps, kill, play, status } = setUp()
  const [here, there] = [createRuns(deps), openMemoryJournal(disk)]
  const other = createRuns({ ...deps, journal: there.journal, leases: there.leases })
  await play(async () => {
    await here.start(channel, many, nobody)
    await clock.sleep(1000)
    kill()
    await other.cancel('run1')
    await other.recover(async () => channel)
    await ended(other)
  })
  expect(status()).toBe('cancelled')
})

test('after stop nothing begins, also what was waiting for its lease', async () => {
  const { clock, model, channel, deps, play } = setUp()
  const leases: typeof deps.leases = {
    ...deps.leases,
    async acquire(portalId) {
      await clock.sleep(1000)
      return deps.leases.acquire(portalId)
    }
  }
  const runs = createRuns({ ...deps, leases })
  await play(async () => {
    const started = expect(runs.start(channel, many, nobody)).rejects.toMatchObject({ code: 'SERVER_STOPS' })
    await runs.stop()
    await expect(runs.start(channel, many, nobody)).rejects.toMatchObject({ code: 'SERVER_STOPS' })
    const requests = model.requests()
    await clock.sleep(10_000)
    expect(model.requests()).toBe(requests)
    await started
  })
  expect(model.companies.size).toBe(0)
})

test('a start while the process stops is shown the run that still holds the portal', async () => {
  const { clock, channel, deps, play } = setUp()
  const runs = createRuns({ ...deps, autoResume: false })
  await play(async () => {
    await runs.start(channel, many, nobody)
    await clock.sleep(2000)
    const stopped = runs.stop()
    await expect(runs.start(channel, many, nobody)).rejects.toMatchObject({
      code: 'BUSY',
      details: { run: { id: 'run1', status: 'running' } }
    })
    await stopped
  })
})

test('two starts while the storage is away are both told so', async () => {
  const { clock, channel, deps, play } = setUp()
  const away = async (): Promise<never> => {
    await clock.sleep(100)
    throw storageFailed(new Error('connection refused'))
  }
  const runs = createRuns({
    ...deps,
    leases: { ...deps.leases, acquire: away },
    journal: { ...deps.journal, unfinished: away }
  })
  const told = { code: 'STORAGE_FAILED' }
  await play(async () => {
    await Promise.all([
      expect(runs.start(channel, many, nobody)).rejects.toMatchObject(told),
      expect(runs.start(channel, many, nobody)).rejects.toMatchObject(told)
    ])
  })
})
