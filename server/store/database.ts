// Opens the storage: SQLite in DATA_DIR, or PostgreSQL at DATABASE_URL; migrated, ready, durable.
// Must stay true: nothing outside server/store knows which engine it is.
import { chmodSync, closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely, Migrator, PostgresDialect, type SqliteDialect } from 'kysely'
import { prepareDataDir, reasonOf, StorageUnusable } from './data-dir.ts'
import { migrationProvider } from './migrations.ts'
import type { Schema } from './schema.ts'
import { openSqlite, TransactionalSqliteDialect } from './sqlite-adapter.ts'

export { StorageUnusable }

/** `destroy()` closes it. */
export type Database = Kysely<Schema>

export type Storage = { readonly dataDir: string } | { readonly databaseUrl: string }

const CONNECT_MS = 10_000

const sqliteDialect = (dataDir: string): SqliteDialect => {
  prepareDataDir(dataDir)
  const path = join(dataDir, 'bitrixcorp.sqlite')
  try {
    // Before SQLite opens it: the files beside it (-wal, -shm) get the database's mode.
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
    return new TransactionalSqliteDialect({ database: openSqlite(path) })
  } catch (error) {
    throw new StorageUnusable(
      `The database ${path} cannot be opened (${reasonOf(error)}). Check the disk and the rights of DATA_DIR.`,
      { cause: error }
    )
  }
}

const postgresDialect = async (databaseUrl: string): Promise<PostgresDialect> => {
  const { default: pg } = await import('pg')
  // bigint columns hold epoch milliseconds and counters, which are safe numbers.
  const types = new pg.TypeOverrides()
  types.setTypeParser(20, Number)
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    types,
    max: 10,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    async onConnect(client) {
      // A connection that breaks between two queries of a transaction has no other listener, and would end the process;
      // the next query reports it.
      client.on('error', () => undefined)
      // A process that stopped inside a transaction holds its lease's row: the server ends it, so that others can take over.
      await client.query("set idle_in_transaction_session_timeout = '10s'")
      // A server or role may be set to acknowledge what is not on disk yet; every other setting is at least that.
      await client.query(
        "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
      )
    }
  })
  pool.on('error', () => undefined) // an idle connection broke: the next query opens a new one or says why not
  return new PostgresDialect({ pool })
}

/** The names of migrations in the database that this version does not have. */
const unknownMigrations = async (db: Database): Promise<string[]> => {
  const known = await migrationProvider.getMigrations()
  const done = await db.selectFrom('kysely_migration').select('name').execute()
  return done.map(({ name }) => name).filter(name => !Object.hasOwn(known, name))
}

/** Ready to use: created where it was missing, all migrations done. @throws {StorageUnusable} */
export const openDatabase = async (storage: Storage): Promise<Database> => {
  const dialect = 'dataDir' in storage ? sqliteDialect(storage.dataDir) : await postgresDialect(storage.databaseUrl)
  const db = new Kysely<Schema>({ dialect })
  const { error } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest()
  if (error === undefined) return db
  const newer = await unknownMigrations(db).catch(() => [])
  await db.destroy().catch(() => undefined)
  const where = 'dataDir' in storage ? `in ${storage.dataDir}` : 'at DATABASE_URL'
  throw new StorageUnusable(
    newer.length > 0
      ? `The database ${where} was written by a newer BitrixCorp (${newer.join(', ')}). Start that version, or give this one another place.`
      : `The database ${where} cannot be used (${reasonOf(error)}). Check the address, the disk and the rights.`,
    { cause: error }
  )
}
