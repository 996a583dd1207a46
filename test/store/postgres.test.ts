// What only a server can do to us: cut connections, hold locks, acknowledge too early.
// Must stay true: nothing that a server does ends the process.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { Tokens } from '../../server/core/installation.ts'
import { LeaseLost } from '../../server/core/run/journal.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createVault } from '../../server/store/vault.ts'
import { createPostgresDatabase, query } from '../support/postgres.ts'
import { openSilentProxy } from '../support/silent-proxy.ts'
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
  await expect(cut).rejects.toMatchObject({ code: 'DATABASE_FAILED' })
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

test('a removal and an opening at the same moment do not wait for each other', async () => {
  const databaseUrl = await createPostgresDatabase()
  const db = await openAt({ databaseUrl })
  const store = createInstallations(db, createVault('planted-app-secret-0123456789abcdef'))
  const memberId = 'a'.repeat(32)
  const tokens = (mark: string): Tokens => new Tokens('1', `access-${mark}`, 'refresh', 1_795_392_000_456)
  await store.save(
    {
      ...{ memberId, origin: 'https://portal.bitrix24.com', authorization: 'https://oauth.bitrix.info' },
      ...{ applicationToken: null, scope: [], status: 'active', boundTo: null, installedAt: 0, lastEventAt: 0 }
    },
    tokens('old')
  )
  let both: Promise<unknown> | undefined
  await db.transaction().execute(async tx => {
    await sql`select 1 from installation for update`.execute(tx)
    const opening = store.saveTokens(memberId, tokens('new'))
    await expect.poll(() => query(databaseUrl, waiting), { timeout: 20_000 }).toHaveLength(1)
    both = Promise.all([opening, store.remove(memberId, 1_795_392_000)])
    await expect.poll(() => query(databaseUrl, waiting), { timeout: 20_000 }).toHaveLength(2)
  })
  await both
  expect([(await store.find(memberId))?.status, await store.tokens(memberId, '1')]).toEqual(['deleted', undefined])
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

/** Milliseconds after which a server that says nothing is given up, in these tests. */
const answerMs = 1000

test('a server that falls silent in the middle fails what waits for it, and nobody waits on the same connection again', async () => {
  const proxy = await openSilentProxy(await createPostgresDatabase())
  const { db, journal, lease } = await openRun({ databaseUrl: proxy.databaseUrl, answerMs })
  const leases = leasesOf(db)
  proxy.fallSilent()
  await expect(leases.renew(lease)).rejects.toMatchObject({ code: 'DATABASE_FAILED' })
  await expect(journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))).rejects.toMatchObject({
    code: 'DATABASE_FAILED'
  })
  proxy.heal()
  await leases.renew(lease)
  await journal.append(lease, 'run', [sent(2)], snapshotOf('run', 2))
  expect(await batchesOf(db)).toEqual([2])
}, 20_000)

test('a server that is silent when we stop is not waited for', async () => {
  const proxy = await openSilentProxy(await createPostgresDatabase())
  const { db, lease } = await openRun({ databaseUrl: proxy.databaseUrl, answerMs })
  proxy.fallSilent()
  const renewed = leasesOf(db).renew(lease)
  await Promise.allSettled([renewed, db.destroy()])
}, 10_000)

test('a statement that waits for a lock is given up by the server, and its connection stays good', async () => {
  const { db, journal, lease } = await openRun({ databaseUrl: await createPostgresDatabase(), answerMs })
  const pid = sql<{ pid: number }>`select pg_backend_pid() as pid`
  await db.connection().execute(async one => {
    const before = (await pid.execute(one)).rows
    await db.transaction().execute(async tx => {
      await sql`select 1 from lease for update`.execute(tx)
      await expect(sql`update lease set fence = fence`.execute(one)).rejects.toThrow('statement timeout')
    })
    expect((await pid.execute(one)).rows).toEqual(before)
  })
  await journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
})
