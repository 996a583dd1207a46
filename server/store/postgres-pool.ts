// PostgreSQL's connections, as kysely's dialect asks for them.
// Must stay true: a server that says nothing is waited for only so long; a connection on which it said nothing is never used again.
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { PoolClient } from 'pg'

const CONNECT_MS = 10_000

export interface PoolOptions {
  /** Milliseconds that one statement may take. Shorter than a lease lives: a renewal that does not come through is tried again. */
  readonly answerMs: number
}

/** Resolves with `work`, or after `ms`. */
const within = async (ms: number, work: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

export const openPool = async (databaseUrl: string, { answerMs }: PoolOptions): Promise<PostgresPool> => {
  const { default: pg } = await import('pg')
  // bigint columns hold epoch milliseconds and counters, which are safe numbers.
  const types = new pg.TypeOverrides()
  types.setTypeParser(20, Number)
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    types,
    max: 10,
    keepAlive: true,
    connectionTimeoutMillis: Math.min(answerMs, CONNECT_MS),
    query_timeout: answerMs,
    async onConnect(client) {
      // A connection that breaks between two queries of a transaction has no other listener, and would end the process;
      // the next query reports it.
      client.on('error', () => undefined)
      // The server gives up first: then the connection is still good, and nothing is carried out that nobody waits for any more.
      await client.query(`set statement_timeout = ${Math.ceil(answerMs * 0.8)}`)
      // A process that stopped inside a transaction holds its lease's row: the server ends it, so that others can take over.
      await client.query("set idle_in_transaction_session_timeout = '10s'")
      // A server or role may be set to acknowledge what is not on disk yet; every other setting is at least that.
      await client.query(
        "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
      )
    }
  })
  pool.on('error', () => undefined) // an idle connection broke: the next query opens a new one or says why not

  const clientOf = (connection: PoolClient): PostgresPoolClient => {
    let broken: unknown
    const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      if (broken !== undefined) throw broken
      try {
        return await connection.query(text, [...parameters])
      } catch (error) {
        // What the server itself says leaves the connection whole. Behind a lost answer everybody would wait for it too.
        if (!(error instanceof pg.DatabaseError)) broken = error
        throw error
      }
    }
    return {
      query: query as PostgresPoolClient['query'], // cursors are not used
      release: () => connection.release(broken !== undefined)
    }
  }
  return {
    connect: async () => clientOf(await pool.connect()),
    /** Closes all connections, or leaves those that cannot be closed in time. */
    end: () => within(answerMs, pool.end())
  }
}
