// Behind PgBouncer in transaction mode every transaction may have another connection, and each connection many clients.
// Must stay true: what durability rests on counts in each of our transactions, and in nobody else's.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openDatabase } from '../../server/store/database.ts'
import { openPooler } from '../support/pgbouncer.ts'
import { createPostgresDatabase, query } from '../support/postgres.ts'
import { batchesOf, commitOf, leasesOf, openRun, sent, snapshotOf } from '../support/stores.ts'

const NAMES = ['synchronous_commit', 'statement_timeout', 'idle_in_transaction_session_timeout'] as const
const settings = sql<Record<(typeof NAMES)[number], string>>`
  select ${sql.join(NAMES.map(name => sql`current_setting(${sql.lit(name)}) as ${sql.ref(name)}`))}
`
const theirs = `select ${NAMES.map(name => `current_setting('${name}') as ${name}`).join()}`
const SAFE = {
  synchronous_commit: 'on',
  statement_timeout: '8s',
  idle_in_transaction_session_timeout: '10s'
}
const UNSAFE = { synchronous_commit: 'off', statement_timeout: '0', idle_in_transaction_session_timeout: '0' }

/** A database that acknowledges what is not on disk yet, behind so many shared connections. */
const openShared = async (connections: number) => {
  const direct = await createPostgresDatabase()
  const name = new URL(direct).pathname.slice(1)
  await query(direct, `alter database ${name} set synchronous_commit = off`)
  return openPooler(direct, connections)
}

test('every write of ours is durable and bounded, also on connections that others have used or that are new', async () => {
  const pooler = await openShared(2)
  const { db, journal, lease } = await openRun({ databaseUrl: pooler.databaseUrl })
  const commit = commitOf(db)
  const seen: unknown[] = []
  const look = (): Promise<void> =>
    commit(async tx => {
      seen.push(...(await settings.execute(tx)).rows)
    })
  await look()
  await pooler.reconnect()
  await look()
  expect((await settings.execute(db)).rows).toEqual([SAFE]) // a single statement
  await Promise.all([journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1)), leasesOf(db).renew(lease), look()])
  expect(seen).toEqual([SAFE, SAFE, SAFE])
  expect(await batchesOf(db)).toEqual([1])
})

test('other clients of the same connections keep their own settings', async () => {
  const pooler = await openShared(1)
  const { journal, lease } = await openRun({ databaseUrl: pooler.databaseUrl })
  expect(await query(pooler.databaseUrl, theirs)).toEqual([UNSAFE])
  await journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
  expect(await query(pooler.databaseUrl, theirs)).toEqual([UNSAFE])
  await expect(journal.append({ ...lease, fence: 99 }, 'run', [sent(2)], snapshotOf('run', 2))).rejects.toThrow()
  expect(await query(pooler.databaseUrl, theirs)).toEqual([UNSAFE])
})

test('starts that meet there leave no lock behind', async () => {
  const pooler = await openShared(3)
  const { databaseUrl } = pooler
  const together = await Promise.all([1, 2, 3, 4].map(() => openDatabase({ databaseUrl })))
  for (const db of together) expect(await batchesOf(db)).toEqual([])
  await Promise.all(together.map(db => db.destroy()))
  expect(await query(databaseUrl, "select pid from pg_locks where locktype = 'advisory'")).toEqual([])
})
