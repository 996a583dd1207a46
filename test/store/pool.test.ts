// PostgreSQL's connections: how many we take, and what happens where there are fewer than visitors.
// Must stay true: whoever finds no connection free waits for one, whether we or the server set the limit.
import { randomBytes } from 'node:crypto'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../server/store/database.ts'
import { createPostgresDatabase, query } from '../support/postgres.ts'
import { buildPage, openSite } from '../support/site.ts'
import { batchesOf } from '../support/stores.ts'

beforeAll(buildPage)

const APP_SECRET = 'planted-app-secret-0123456789abcdef'

/** A database of a role that may have so many connections. */
const openLimited = async (connections: number) => {
  const direct = await createPostgresDatabase()
  const url = new URL(direct)
  const role = `role_${randomBytes(6).toString('hex')}`
  await query(direct, `create role ${role} login connection limit ${connections}`)
  await query(direct, `alter database ${url.pathname.slice(1)} owner to ${role}`)
  await query(direct, `grant all on schema public to ${role}`)
  url.username = role
  return { direct, databaseUrl: url.href }
}

const used =
  'select count(*)::int as used from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'

const readMany = async (origin: string): Promise<number[]> =>
  Promise.all(
    Array.from({ length: 30 }, async () => {
      const answer = await fetch(`${origin}/api/runs`)
      await answer.text()
      return answer.status
    })
  )
const ALL_WELL = Array.from({ length: 30 }, () => 200)

test('no more connections are taken than DATABASE_POOL says, and visitors wait for them', async () => {
  const databaseUrl = await createPostgresDatabase()
  const { origin } = await openSite({ settings: { DATABASE_URL: databaseUrl, APP_SECRET, DATABASE_POOL: '2' } })
  for (const _ of [1, 2, 3]) {
    expect(await readMany(origin)).toEqual(ALL_WELL)
    expect((await query(databaseUrl, used))[0]?.['used']).toBeLessThanOrEqual(2)
  }
})

test('a server that has fewer connections than the pool makes visitors wait, and refuses nobody', async () => {
  const { databaseUrl } = await openLimited(2)
  const { origin } = await openSite({ settings: { DATABASE_URL: databaseUrl, APP_SECRET } })
  for (const _ of [1, 2, 3]) expect(await readMany(origin)).toEqual(ALL_WELL)
})

test('one connection is enough for everything that a store does', async () => {
  const { databaseUrl } = await openLimited(1)
  const db = await openDatabase({ databaseUrl, pool: 1 })
  onTestFinished(() => db.destroy())
  expect(await batchesOf(db)).toEqual([])
  await db.destroy()
  const { origin } = await openSite({ settings: { DATABASE_URL: databaseUrl, APP_SECRET, DATABASE_POOL: '1' } })
  const made = await fetch(`${origin}/bitrix/webhook/push-to-bitrix?count=5`, { method: 'POST' })
  expect([made.status, await made.json()]).toMatchObject([200, { status: 'completed', done: 10 }])
})
