// A journal and leases in memory that can be "killed": from then on nothing is written and nothing is answered.
// Must stay true: what was acknowledged stays; a kill may come before or after the write.
import type { Journal, Leases } from '../../server/core/journal.ts'
import type { RunEvent, RunRecord, RunSnapshot } from '../../server/core/run.ts'

export interface Disk {
  readonly records: Map<string, RunRecord>
  readonly events: Map<string, RunEvent[]>
}

export const createDisk = (): Disk => ({ records: new Map(), events: new Map() })

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
    disk.events.set(runId, [...(disk.events.get(runId) ?? []), ...structuredClone(events)])
    const record = disk.records.get(runId)
    if (record !== undefined) disk.records.set(runId, { ...record, snapshot })
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
      list: async portalId => [...disk.records.values()].filter(run => run.portalId === portalId).reverse(),
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
