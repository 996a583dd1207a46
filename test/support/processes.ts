// Processes over one database and one portal that die or freeze where a test says so, in virtual time.
// Must stay true: the portal is counted, not the journal; time stands still while a database works.
import { expect } from 'vitest'
import { type Channel, createChannel } from '../../server/core/channel.ts'
import { PortalFailure } from '../../server/core/portal.ts'
import type { Operation } from '../../server/core/recipe.ts'
import type { Journal, Leases } from '../../server/core/run/journal.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import type { Storage } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createLeases } from '../../server/store/leases.ts'
import { createModelPortal, type ModelPortal } from './model-portal.ts'
import { openAt } from './stores.ts'
import { createVirtualClock } from './virtual-clock.ts'

const REQUEST_SECONDS = 6
export const TTL_MS = 15_000
export const operation: Operation = { kind: 'create', recipe: { companies: 40, contacts: 60, seed: 1, locale: 'ru' } }

/** What a process does at one of its writes (1 = the run's creation), or when one of its requests has left (1 = the read before the first batch). */
interface Fate {
  readonly at?: number
  /** Whether that write still reaches the disk. */
  readonly kept?: boolean
  readonly atRequest?: number
  /** Seconds after which the portal executes that request. */
  readonly workAt?: number
  /** Resolves when the process goes on; never, when it is dead. */
  readonly until: Promise<unknown>
}

/** `expectExact` counts `operation`. */
export const createWorld = (storage: Storage, requestSeconds = REQUEST_SECONDS) => {
  const clock = createVirtualClock()
  const portal: ModelPortal = createModelPortal(clock, [], requestSeconds)
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
    let requests = 0
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
      remove: id => whileRunning(() => journal.remove(id)),
      retriedBy: id => whileRunning(() => journal.retriedBy(id)),
      requestCancel: id => whileRunning(() => journal.requestCancel(id)),
      cancelRequested: id => whileRunning(() => journal.cancelRequested(id)),
      recountsDue: () => whileRunning(() => journal.recountsDue()),
      recounted: id => whileRunning(() => journal.recounted(id)),
      unfinished: () => whileRunning(() => journal.unfinished())
    }
    const seenLeases: Leases = {
      ttl: leases.ttl,
      acquire: id => whileRunning(() => leases.acquire(id)),
      renew: lease => whileRunning(() => leases.renew(lease)),
      release: lease => whileRunning(() => leases.release(lease))
    }
    const pace = createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds })
    const sender: typeof portal.portal = {
      ...portal.portal,
      execute: async (...args) => {
        await running()
        requests += 1
        if (requests !== fate?.atRequest) return portal.portal.execute(...args)
        stopped = true
        void clock.sleep((fate.workAt ?? 0) * 1000).then(() => portal.portal.execute(...args))
        await fate.until
        stopped = false
        throw new PortalFailure('lost', 'TIMED_OUT', 'No answer')
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
      requestSeconds,
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
