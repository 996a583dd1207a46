// Several processes over one database, on both engines: who may run, and what becomes of the run of one that died or froze.
// Must stay true: the portal is counted, not the journal; time is virtual and stands still while a database works.
import { describe, expect, test } from 'vitest'
import { type Channel, createChannel } from '../../server/core/channel.ts'
import type { Journal, Leases } from '../../server/core/journal.ts'
import { createPace } from '../../server/core/pace.ts'
import type { Operation } from '../../server/core/recipe.ts'
import { createRuns, type Runs } from '../../server/core/runs.ts'
import type { Storage } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createLeases } from '../../server/store/leases.ts'
import { createModelPortal, type ModelPortal } from '../support/model-portal.ts'
import { engines, openAt } from '../support/stores.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

const REQUEST_SECONDS = 6
const TTL_MS = 15_000
const operation: Operation = { kind: 'create', recipe: { companies: 40, contacts: 60, seed: 1, locale: 'ru' } }
const nobody = { userId: null, name: 'test' }

/** What a process does at one of its writes (1 = the run's creation). */
interface Fate {
  readonly at: number
  /** Whether that write still reaches the disk. */
  readonly kept: boolean
  /** Resolves when the process goes on; never, when it is dead. */
  readonly until: Promise<unknown>
}

const createWorld = (storage: Storage) => {
  const clock = createVirtualClock()
  const portal: ModelPortal = createModelPortal(clock, [], REQUEST_SECONDS)
  const crashes: unknown[] = []
  let working = 0
  const db = async <T>(work: () => Promise<T>): Promise<T> => {
    working += 1
    try {
      return await work()
    } finally {
      working -= 1
    }
  }

  /** Lets time pass until `work` has settled; never while a database works. */
  const pass = async <T>(work: Promise<T>): Promise<T> => {
    let over = false
    const settled = (): void => {
      over = true
    }
    work.then(settled, settled)
    while (!over) {
      await clock.runUntil(() => over || working > 0)
      while (working > 0) await new Promise(resolve => setImmediate(resolve))
    }
    return work
  }

  const startProcess = async (name: string, fate?: Fate) => {
    const database = await openAt(storage)
    const journal = createJournal(database)
    const leases = createLeases(database, {
      owner: `${name}:1:start`,
      ttl: TTL_MS,
      now: clock.now,
      isAlive: () => true
    })
    let writes = 0
    let stopped = false
    /** Neither a dead process nor a frozen one does anything. */
    const running = async (): Promise<void> => {
      if (stopped) await fate?.until
    }
    const write = async (work: () => Promise<void>): Promise<void> => {
      await running()
      writes += 1
      if (writes !== fate?.at) {
        await db(work)
        return running()
      }
      stopped = true
      if (fate.kept) await db(work)
      await fate.until
      stopped = false
      if (!fate.kept) await db(work)
    }
    const whileRunning = async <T>(work: () => Promise<T>): Promise<T> => {
      await running()
      return db(work)
    }
    const seenJournal: Journal = {
      create: (...args) => write(() => journal.create(...args)),
      append: (...args) => write(() => journal.append(...args)),
      async *events(runId) {
        const events = await whileRunning(async () => {
          const all = []
          for await (const event of journal.events(runId)) all.push(event)
          return all
        })
        yield* events
      },
      find: id => whileRunning(() => journal.find(id)),
      list: (...args) => whileRunning(() => journal.list(...args)),
      unfinished: () => whileRunning(() => journal.unfinished())
    }
    const seenLeases: Leases = {
      ttl: leases.ttl,
      acquire: id => whileRunning(() => leases.acquire(id)),
      renew: lease => whileRunning(() => leases.renew(lease)),
      release: lease => whileRunning(() => leases.release(lease))
    }
    const pace = createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds: REQUEST_SECONDS })
    const sender: typeof portal.portal = {
      ...portal.portal,
      execute: async (...args) => {
        await running()
        return portal.portal.execute(...args)
      }
    }
    const channel: Channel = createChannel(sender, pace, clock)
    let made = 0
    const runs: Runs = createRuns({
      journal: seenJournal,
      leases: seenLeases,
      clock,
      random: () => 0.5,
      newId: () => {
        made += 1
        return `${name}${made}`
      },
      requestSeconds: REQUEST_SECONDS,
      autoResume: false,
      onCrash: error => crashes.push(error)
    })
    const toTheEnd = async (runId: string) => {
      for await (const snapshot of runs.watch(runId, new AbortController().signal)) {
        if (snapshot.status !== 'running') return snapshot
      }
      return undefined
    }
    return { runs, channel, journal, toTheEnd, stopped: () => stopped }
  }

  /** Exactly what was asked for, each once, each contact at its company. */
  const expectExact = (runId: string): void => {
    const rows = [...portal.companies.values(), ...portal.contacts.values()].map(({ originId }) => originId)
    expect(new Set(rows).size).toBe(rows.length)
    expect([portal.companies.size, portal.contacts.size]).toEqual([40, 60])
    for (const { originId, companyId } of portal.contacts.values()) {
      const row = Number(originId.split(':')[1])
      expect(portal.companies.get(companyId)?.originId).toBe(`${runId}:${((row - 41) % 40) + 1}`)
    }
    expect(crashes).toEqual([])
  }
  return { clock, portal, pass, startProcess, expectExact }
}

const never = new Promise<never>(() => undefined)

describe.each(engines)('two processes over one $name', ({ fresh }) => {
  test('run one at a time on a portal: the second is shown the run of the first, then has its turn', async () => {
    const { pass, startProcess, expectExact } = createWorld(await fresh())
    const [a, b] = [await startProcess('a'), await startProcess('b')]
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    await expect(pass(b.runs.start(b.channel, operation, nobody))).rejects.toMatchObject({
      code: 'BUSY',
      details: { run: { id, status: 'running' } }
    })
    expect(await pass(b.runs.active('model'))).toMatchObject({ id })
    await pass(b.runs.recover(async () => b.channel))
    // Watched from the other process.
    expect(await pass(b.toTheEnd(id))).toMatchObject({ status: 'completed', percent: 100 })
    expectExact(id)
    await pass(a.runs.stop())
    const next = await pass(b.runs.start(b.channel, { kind: 'clear', scope: 'created' }, nobody))
    expect(await pass(b.toTheEnd(next.id))).toMatchObject({
      status: 'completed',
      deleted: { companies: 40, contacts: 60 }
    })
  })

  test.each([
    [2, false],
    [2, true],
    [3, true],
    [4, false],
    [4, true]
  ])('the run of one that died at its write %i (kept: %s) is finished by the other, exactly', async (at, kept) => {
    const { clock, pass, startProcess, expectExact } = createWorld(await fresh())
    const a = await startProcess('a', { at, kept, until: never })
    const b = await startProcess('b')
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    while (!a.stopped()) await pass(clock.sleep(10))

    await pass(b.runs.recover(async () => b.channel))
    expect((await b.journal.find(id))?.snapshot.status).toBe('running')
    await expect(pass(b.runs.start(b.channel, operation, nobody))).rejects.toMatchObject({ code: 'BUSY' })

    await pass(clock.sleep(TTL_MS))
    await pass(b.runs.recover(async () => b.channel))
    expect(await pass(b.toTheEnd(id))).toMatchObject({ status: 'interrupted' })
    await pass(b.runs.stop().then(() => undefined))
    const c = await startProcess('c')
    await pass(c.runs.resume(id, c.channel))
    expect(await pass(c.toTheEnd(id))).toMatchObject({ status: 'completed', created: { companies: 40, contacts: 60 } })
    expectExact(id)
  })

  test('one that froze before a write and wakes up after the other took over sends and writes nothing more', async () => {
    const { clock, portal, pass, startProcess, expectExact } = createWorld(await fresh())
    let wake = (): void => undefined
    const woken = new Promise<void>(resolve => {
      wake = resolve
    })
    const a = await startProcess('a', { at: 3, kept: false, until: woken })
    const b = await startProcess('b')
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    while (!a.stopped()) await pass(clock.sleep(10))
    await pass(clock.sleep(TTL_MS))
    await pass(b.runs.recover(async () => b.channel))
    await pass(b.toTheEnd(id))
    await pass(b.runs.stop())
    const c = await startProcess('c')
    await pass(c.runs.resume(id, c.channel))
    await pass(c.toTheEnd(id))
    const [requests, record] = [portal.requests(), await c.journal.find(id)]

    wake()
    await pass(a.toTheEnd(id)) // it goes on by itself, until it sees that the run is not its own any more
    expect(portal.requests()).toBe(requests)
    expect(await c.journal.find(id)).toEqual(record)
    expect(record?.snapshot.status).toBe('completed')
    expectExact(id)
  })
})
