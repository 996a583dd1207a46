// PostgreSQL for tests: TEST_DATABASE_URL, or a private cluster of this test file on a unix socket.
// Must stay true: without a server the tests fail and say how to install one; what was started is stopped, by its own handle.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { type Cluster, startCluster } from '../../chaos/cluster.ts'

/** @throws {Error} that says what else can be done */
const startOwn = (): Promise<Cluster> =>
  startCluster().catch(cause => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `The store is tested on PostgreSQL too. ${reason}. Or set TEST_DATABASE_URL to a server where databases may be created.`,
      { cause }
    )
  })

const given = process.env.TEST_DATABASE_URL
let cluster: Promise<Cluster> | undefined
const made: string[] = []

const urlOf = async (database?: string): Promise<string> => {
  if (given === undefined || given === '') {
    cluster ??= startOwn()
    return (await cluster).url(database ?? 'postgres')
  }
  const url = new URL(given)
  if (database !== undefined) url.pathname = `/${database}`
  return url.href
}

/** One statement on a database, on a connection of its own. */
export const query = async (url: string, text: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

/** The address of a new, empty database. */
export const createPostgresDatabase = async (): Promise<string> => {
  const name = `bitrixcorp_test_${randomBytes(6).toString('hex')}`
  await query(await urlOf(), `create database ${name}`)
  made.push(name)
  return urlOf(name)
}

// Before all tests, so that starting the server is not on the time of the first one.
beforeAll(async () => {
  await query(await urlOf(), 'select 1')
})

afterAll(async () => {
  if (cluster !== undefined) await (await cluster).stop()
  else for (const name of made) await query(await urlOf(), `drop database if exists ${name} with (force)`)
})
