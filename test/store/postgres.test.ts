// What only a server can do to us: cut connections, hold locks, acknowledge too early.
// Must stay true: nothing that a server does ends the process.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { LeaseLost } from '../../server/core/journal.ts'
import { createPostgresDatabase, query } from '../support/postgres.ts'
import { batchesOf, commitOf, leasesOf, openAt, openRun, sent, snapshotOf } from '../support/stores.ts'

const cutAll =
  'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

test('connections that were cut while nobody used them are replaced', async () => {
  const databaseUrl = await createPostgresDatabase()
  const { db, journal, lease } = await openRun({ databaseUrl })
  await query(databaseUrl, cutAll)
  await journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
  expect(await batchesOf(db)).toEqual([1])
})

test('a connection that is cut between two statements of a write fails that write alone, once', async () => {
  const databaseUrl = await createPostgresDatabase()
  const { db, journal, lease } = await openRun({ databaseUrl })
  const commit = commitOf(db)
  let tries = 0
  const cut = commit(async tx => {
    tries += 1
    await sql`select 1`.execute(tx)
    await query(databaseUrl, cutAll)
    await sql`select 2`.execute(tx)
  })
  await expect(cut).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  expect(tries).toBe(1)
  await journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
  expect(await batchesOf(db)).toEqual([1])
})

test('a take-over waits for the append that passed the fence before it', async () => {
  const databaseUrl = await createPostgresDatabase()
  const { db, journal, lease } = await openRun({ databaseUrl })
  const next = leasesOf(db, { owner: 'there:1:b', now: () => 2_000_000 })
  let appended: Promise<void> | undefined
  let seenByNext: Promise<number[]> | undefined
  await db.transaction().execute(async tx => {
    // Holds the append after its fence and before its commit.
    await sql`select 1 from run for update`.execute(tx)
    appended = journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
    await expect.poll(() => query(databaseUrl, waiting), { timeout: 20_000 }).toHaveLength(1)
    seenByNext = next.acquire('portal').then(() => batchesOf(db))
    await expect.poll(() => query(databaseUrl, waiting), { timeout: 20_000 }).toHaveLength(2)
  })
  await appended
  expect(await seenByNext).toEqual([1])
  await expect(journal.append(lease, 'run', [sent(2)], snapshotOf('run', 2))).rejects.toThrow(LeaseLost)
})

test('a server that would acknowledge before the data is on disk is told not to', async () => {
  const databaseUrl = await createPostgresDatabase()
  const name = new URL(databaseUrl).pathname.slice(1)
  await query(databaseUrl, `alter database ${name} set synchronous_commit = off`)
  const show = sql<{ synchronous_commit: string }>`show synchronous_commit`
  expect((await show.execute(await openAt({ databaseUrl }))).rows).toEqual([{ synchronous_commit: 'on' }])
  await query(databaseUrl, `alter database ${name} set synchronous_commit = remote_apply`)
  expect((await show.execute(await openAt({ databaseUrl }))).rows).toEqual([{ synchronous_commit: 'remote_apply' }])
})

test('big whole numbers are numbers in our database and text for everybody else', async () => {
  const databaseUrl = await createPostgresDatabase()
  const big = 'select 1795392000123::bigint as big'
  expect((await sql`${sql.raw(big)}`.execute(await openAt({ databaseUrl }))).rows).toEqual([{ big: 1_795_392_000_123 }])
  expect(await query(databaseUrl, big)).toEqual([{ big: '1795392000123' }])
})
