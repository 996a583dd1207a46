// A journal and leases in memory that can be "killed": from then on nothing is written and nothing is answered.
// Must stay true: what was acknowledged stays; a kill may come before or after the write.
import type { Clock } from '../../server/core/clock.ts'
import { notFound, storageFailed } from '../../server/core/errors.ts'
import { type Journal, LeaseLost, type Leases } from '../../server/core/run/journal.ts'
import { owesRecount, type RunEvent, type RunRecord, type RunSnapshot } from '../../server/core/run/run.ts'

export interface Disk {
  readonly records: Map<string, RunRecord>
  readonly events: Map<string, RunEvent[]>
  readonly toCancel: Set<string>
  readonly recounted: Set<string>
}

export const createDisk = (): Disk => ({
  records: new Map(),
  events: new Map(),
  toCancel: new Set(),
  recounted: new Set()
})

export interface MemoryJournal {
  readonly journal: Journal
  readonly leases: Leases
  readonly killed: () => boolean
  kill(): void
}

/** `killAt`: the write (1-based) at which the process dies; `keep`: whether that write reached the disk. */
export const openMemoryJournal = (disk: Disk, killAt = Number.POSITIVE_INFINITY, keep = false): MemoryJournal => {
  let writes = 0
  let dead = false
  const never = new Promise<never>(() => undefined)
  const write = async (store: () => void): Promise<void> => {
    if (dead) return never
    writes += 1
    if (writes >= killAt) {
      dead = true
      if (keep) store()
      return never
    }
    store()
  }
  const put = (runId: string, events: readonly RunEvent[], snapshot: RunSnapshot): void => {
    const resumed = events.findLast(event => event.type === 'run.resumed')
    if (resumed !== undefined) disk.toCancel.delete(runId)
    disk.recounted.delete(runId)
    disk.events.set(runId, [...(disk.events.get(runId) ?? []), ...structuredClone(events)])
    const record = disk.records.get(runId)
    if (record !== undefined)
      disk.records.set(runId, { ...record, snapshot, startedBy: resumed?.startedBy ?? record.startedBy })
  }
  return {
    killed: () => dead,
    kill() {
      dead = true
    },
    journal: {
      create: (_lease, run, events) =>
        write(() => {
          disk.records.set(run.id, run)
          put(run.id, events, run.snapshot)
        }),
      append: (_lease, runId, events, snapshot) => write(() => put(runId, events, snapshot)),
      async *events(runId) {
        yield* structuredClone(disk.events.get(runId) ?? [])
      },
      find: async runId => disk.records.get(runId),
      async list(portalId, limit, after) {
        const runs = [...disk.records.values()].filter(run => run.portalId === portalId).reverse()
        const from = after === undefined ? 0 : runs.findIndex(({ id }) => id === after) + 1
        if (after !== undefined && from === 0) throw notFound('There is no such run')
        return runs.slice(from, from + limit)
      },
      async remove(runId) {
        return disk.records.get(runId)?.snapshot.status !== 'running' && disk.records.delete(runId)
      },
      retriedBy: async runId => [...disk.records.values()].find(run => run.operation.retryOf === runId)?.id,
      async requestCancel(runId) {
        const running = disk.records.get(runId)?.snapshot.status === 'running'
        if (running) disk.toCancel.add(runId)
        return running
      },
      cancelRequested: async runId => disk.toCancel.has(runId),
      recountsDue: async () =>
        [...disk.records.values()].filter(({ id, snapshot }) => owesRecount(snapshot) && !disk.recounted.has(id)),
      async recounted(runId) {
        disk.recounted.add(runId)
      },
      unfinished: async () => [...disk.records.values()].filter(run => run.snapshot.status === 'running')
    },
    leases: {
      ttl: 15_000,
      acquire: async portalId => ({ portalId, owner: 'test', fence: 1 }),
      renew: async () => undefined,
      release: async () => undefined
    }
  }
}

/**
 * The leases of a database that several processes share, in virtual time. `isDead`: known by the others as certainly dead.
 * `reachable`: whether this process gets through to it.
 */
export const createSharedLeases = (clock: Clock, isDead: (owner: string) => boolean = () => false) => {
  const ttl = 15_000
  let held = { owner: '', fence: 0, until: 0 }
  return (owner: string, reachable: () => boolean = () => true): Leases => {
    const demand = (): void => {
      if (!reachable()) throw storageFailed(new Error('The database cannot be reached'))
    }
    return {
      ttl,
      async acquire(portalId) {
        demand()
        const orphaned = isDead(held.owner)
        if (held.until > clock.now() && !orphaned) return null
        held = { owner, fence: held.fence + 1, until: clock.now() + ttl }
        return { portalId, owner, fence: held.fence, ...(orphaned ? { orphaned } : {}) }
      },
      async renew({ portalId, fence }) {
        demand()
        if (held.owner !== owner || held.fence !== fence) throw new LeaseLost(portalId)
        held.until = clock.now() + ttl
      },
      async release({ fence }) {
        demand()
        if (held.owner === owner && held.fence === fence) held.until = 0
      }
    }
  }
}
