// PostgreSQL's connections, as kysely's dialect asks for them.
// Must stay true: a server that says nothing is waited for only so long; a connection on which it said nothing is never used again;
// nothing is carried out but inside a transaction that has our settings, as a pooler may give every transaction another connection.
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { PoolClient } from 'pg'

const CONNECT_MS = 10_000
/** Pauses while the server has no connection to spare: others give theirs back. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 400
/** What PostgreSQL says then, whichever of its limits it is (server, database, role). */
const TOO_MANY_CONNECTIONS = '53300'
/** kysely's own number, which earlier versions of ours hold while they migrate. */
const MIGRATION_LOCK = '3853314791062309107'

export interface PoolOptions {
  /** Milliseconds that one statement may take. Shorter than a lease lives: a renewal that does not come through is tried again. */
  readonly answerMs: number
  /** Connections at most. Whoever finds none free waits for one. */
  readonly size: number
  /** Transactions of all such pools come one after another: for migrations. */
  readonly alone?: boolean
}

/** Resolves with `work`, or after `ms`. */
const within = async (ms: number, work: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** Begins a transaction in one go. Whatever it sets ends with the transaction: the connection may be somebody else's then. */
const beginWith = ({ answerMs, alone = false }: PoolOptions): string =>
  [
    'begin',
    // The server gives up first: then the connection is still good, and nothing is carried out that nobody waits for any more.
    `set local statement_timeout = ${Math.ceil(answerMs * 0.8)}`,
    // A process that stopped inside a transaction holds its lease's row: the server ends it, so that others can take over.
    "set local idle_in_transaction_session_timeout = '10s'",
    // A server or role may be set to acknowledge what is not on disk yet; every other setting is at least that.
    "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'",
    ...(alone ? [`select pg_advisory_xact_lock(${MIGRATION_LOCK})`] : [])
  ].join('; ')

export const openPool = async (databaseUrl: string, options: PoolOptions): Promise<PostgresPool> => {
  const { answerMs, size } = options
  const { default: pg } = await import('pg')
  // bigint columns hold epoch milliseconds and counters, which are safe numbers.
  const types = new pg.TypeOverrides()
  types.setTypeParser(20, Number)
  const connectMs = Math.min(answerMs, CONNECT_MS)
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    types,
    max: size,
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs
  })
  // A connection that breaks between two queries of a transaction has no other listener, and would end the process;
  // the next query reports it.
  pool.on('connect', client => client.on('error', () => undefined))
  pool.on('error', () => undefined) // an idle connection broke: the next query opens a new one or says why not
  const begin = beginWith(options)

  const clientOf = (connection: PoolClient): PostgresPoolClient => {
    let broken: unknown
    let inside = false
    const send = async (text: string, parameters?: readonly unknown[]): Promise<unknown> => {
      if (broken !== undefined) throw broken
      try {
        return await connection.query(text, parameters === undefined ? undefined : [...parameters])
      } catch (error) {
        // What the server itself says leaves the connection whole. Behind a lost answer everybody would wait for it too,
        // and a beginning that failed halfway would be everybody's transaction.
        if (!(error instanceof pg.DatabaseError) || text === begin) broken = error
        throw error
      }
    }
    /** A statement that stands alone. */
    const sendAlone = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      await send(begin)
      try {
        const result = await send(text, parameters)
        await send('commit')
        return result
      } catch (error) {
        await send('rollback').catch(() => undefined) // the connection was lost: so is the transaction
        throw error
      }
    }
    const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      if (text !== 'begin' && !inside) return sendAlone(text, parameters)
      inside = text !== 'commit' && text !== 'rollback'
      return text === 'begin' ? send(begin) : send(text, parameters)
    }
    return {
      query: query as PostgresPoolClient['query'], // cursors are not used
      release: () => connection.release(broken !== undefined)
    }
  }

  /** Waits while the server has no connection for us: ours, and those of other processes, come back. */
  const connect = async (): Promise<PoolClient> => {
    const until = performance.now() + connectMs
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await pool.connect()
      } catch (error) {
        const full = error instanceof pg.DatabaseError && error.code === TOO_MANY_CONNECTIONS
        if (!full || performance.now() + pause > until) throw error
        await new Promise(resolve => setTimeout(resolve, pause))
      }
    }
  }
  return {
    connect: async () => clientOf(await connect()),
    /** Closes all connections, or leaves those that cannot be closed in time. */
    end: () => within(answerMs, pool.end())
  }
}
