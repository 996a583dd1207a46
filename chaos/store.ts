// Where the processes of a round keep what they know: a folder of their own, or a fresh database of the one PostgreSQL cluster.
// Must stay true: nothing is written here but what a test of the outside may do: connections are cut, tables only read.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Rejection, RunEvent } from '../server/core/run/run.ts'
import { openDatabase, type Storage } from '../server/store/database.ts'
import { createJournal } from '../server/store/journal.ts'
import type { Cluster } from './cluster.ts'

export type StoreName = 'embedded' | 'postgres'

export interface Store {
  /** Settings of the server that belong to it. */
  readonly settings: Readonly<Record<string, string>>
  readonly storage: Storage
  /** How often a run was taken over from a process that left no end of it. */
  takeovers(): Promise<number>
  /** Cuts the connections of all processes; how many there were. */
  dropConnections(): Promise<number>
  remove(): Promise<void>
}

const openFolder = async (place: string): Promise<Store> => {
  const dataDir = await mkdtemp(join(place, 'data-'))
  return {
    settings: { DATA_DIR: dataDir },
    storage: { dataDir },
    takeovers: async () => 0,
    dropConnections: async () => 0,
    remove: () => rm(dataDir, { recursive: true, force: true })
  }
}

/** Our own connections, which are not cut. */
const OWN_NAME = 'chaos'

const query = async (
  url: string,
  text: string,
  values: readonly unknown[] = []
): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url, application_name: OWN_NAME })
  client.on('error', () => undefined) // the cluster is stopped: the query says so
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows
  } finally {
    await client.end()
  }
}

const openPostgres = async (place: string, cluster: Cluster): Promise<Store> => {
  const name = `chaos_${randomBytes(6).toString('hex')}`
  const admin = cluster.url('postgres')
  const url = cluster.url(name)
  await query(admin, `create database ${name}`)
  const count = async (where: string, text: string, values?: readonly unknown[]): Promise<number> =>
    Number((await query(where, text, values))[0]?.['count'] ?? 0)
  return {
    settings: {
      DATABASE_URL: url,
      DATA_DIR: join(place, 'unused'),
      APP_SECRET: randomBytes(32).toString('hex')
    },
    storage: { databaseUrl: `${url}&application_name=${OWN_NAME}` },
    // Before the first start has made it, there is no such table.
    takeovers: () =>
      count(url, `select count(*) from run_event where event like '%"type":"run.taken"%'`).catch(() => 0),
    dropConnections: () =>
      count(
        admin,
        'select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and application_name <> $2',
        [name, OWN_NAME]
      ),
    async remove() {
      await query(admin, `drop database ${name} with (force)`)
    }
  }
}

/** `cluster`: undefined where no round needs one. */
export const openStore = (store: StoreName, place: string, cluster: Cluster | undefined): Promise<Store> => {
  if (store === 'embedded') return openFolder(place)
  if (cluster === undefined) throw new Error('A round on PostgreSQL needs a cluster')
  return openPostgres(place, cluster)
}

/** What the journal remembers of a run. */
export const readJournal = async (
  storage: Storage,
  runId: string
): Promise<{ readonly events: RunEvent[]; readonly rejected: Rejection[] }> => {
  const db = await openDatabase(storage)
  try {
    const events: RunEvent[] = []
    for await (const event of createJournal(db).events(runId)) events.push(event)
    const rejected = events.flatMap(event =>
      event.type === 'batch.settled' || event.type === 'rows.rejected' ? event.rejected : []
    )
    return { events, rejected }
  } finally {
    await db.destroy()
  }
}

/** How long a run's second count may take until it is missed: two processes, of which the other one comes later. */
const RECOUNT_MS = 20_000

/** Resolves when a run has been counted once more after its end; false when that does not come. */
export const seeRecounted = async (storage: Storage, runId: string): Promise<boolean> => {
  const db = await openDatabase(storage)
  try {
    const giveUpAt = performance.now() + RECOUNT_MS
    while (performance.now() < giveUpAt) {
      const due = await createJournal(db).recountsDue()
      if (due.every(({ id }) => id !== runId)) return true
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return false
  } finally {
    await db.destroy()
  }
}
