// Both engines for suites of the store: fresh places, stores opened there, and something to store.
// Must stay true: every place is empty and every store is closed when its test ends.
import type { Transaction } from 'kysely'
import { onTestFinished } from 'vitest'
import type { Lease } from '../../server/core/run/journal.ts'
import type { RunEvent, RunRecord, RunSnapshot } from '../../server/core/run/run.ts'
import { type Database, openDatabase, type Storage } from '../../server/store/database.ts'
import { createGroupCommit } from '../../server/store/group-commit.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createLeases, type LeaseOptions } from '../../server/store/leases.ts'
import type { Schema } from '../../server/store/schema.ts'
import { freshDir } from './fresh-dir.ts'
import { createPostgresDatabase } from './postgres.ts'

interface Engine {
  readonly name: 'SQLite' | 'PostgreSQL'
  readonly fresh: () => Promise<Storage>
  /** The code of an error when it cannot be used. */
  readonly failure: string
}

export const engines: readonly Engine[] = [
  { name: 'SQLite', fresh: async () => ({ dataDir: freshDir() }), failure: 'STORAGE_FAILED' },
  {
    name: 'PostgreSQL',
    fresh: async () => ({ databaseUrl: await createPostgresDatabase() }),
    failure: 'DATABASE_FAILED'
  }
]

export const openAt = async (storage: Storage): Promise<Database> => {
  const db = await openDatabase(storage)
  onTestFinished(() => db.destroy())
  return db
}

export type Write = (tx: Transaction<Schema>) => Promise<void>

/** A group commit of whatever a test wants written. */
export const commitOf = (db: Database): ((write: Write) => Promise<void>) =>
  createGroupCommit<Write>(db, async (tx, writes) => {
    for (const write of writes) await write(tx)
  })

/** Leases of a process on a machine of its own; nobody is dead. */
export const leasesOf = (db: Database, options: Partial<LeaseOptions> = {}) =>
  createLeases(db, { owner: 'here:1:first', ttl: 15_000, now: () => 1_000_000, isAlive: () => true, ...options })

export const take = async (db: Database, portalId = 'portal', options: Partial<LeaseOptions> = {}): Promise<Lease> => {
  const lease = await leasesOf(db, options).acquire(portalId)
  if (lease === null) throw new Error(`${portalId} is taken`)
  return lease
}

export const snapshotOf = (id: string, done = 0, status: RunSnapshot['status'] = 'running'): RunSnapshot => ({
  id,
  kind: 'create',
  status,
  portal: 'портал.example',
  total: 200,
  done,
  failed: 0,
  percent: 0,
  created: { companies: 0, contacts: 0 },
  deleted: { companies: 0, contacts: 0 },
  startedAt: '2026-11-23T00:00:00.000Z',
  finishedAt: null,
  startedBy: 'Пётр «Ё» \u0000 \u2028 \ud83d\ude00',
  etaSeconds: 1.5,
  waitingUntil: null,
  waitingFor: null,
  errors: [],
  failure: null,
  verified: false,
  unverified: null,
  copiesRemoved: 0
})

export const runOf = (id: string, portalId = 'portal', startedAt = 1_795_392_000_123): RunRecord => ({
  id,
  portalId,
  operation: { kind: 'create', recipe: { companies: 100, contacts: 100, seed: 4_294_967_295, locale: 'ru' } },
  startedBy: { userId: null, name: 'Пётр' },
  startedAt,
  snapshot: snapshotOf(id)
})

export const sent = (batch: number, part = 0): RunEvent => ({
  type: 'batch.sent',
  at: 1_795_392_000_000 + batch,
  batch,
  rows: { company: [part] }
})

/** A store with the lease of `portal` and an empty run on it. */
export const openRun = async (storage: Storage, runId = 'run', portalId = 'portal') => {
  const db = await openAt(storage)
  const journal = createJournal(db)
  const lease = await take(db, portalId)
  await journal.create(lease, runOf(runId, portalId), [])
  return { db, journal, lease }
}

/** The batch numbers of a run's events, in their order. */
export const batchesOf = async (db: Database, runId = 'run'): Promise<number[]> => {
  const batches: number[] = []
  for await (const event of createJournal(db).events(runId)) if ('batch' in event) batches.push(event.batch)
  return batches
}
