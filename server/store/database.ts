// Opens the storage: SQLite in DATA_DIR, or PostgreSQL at DATABASE_URL; migrated, ready, durable.
// Must stay true: nothing outside server/store knows which engine it is.
import { accessSync, chmodSync, constants, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import { migrationProvider } from './migrations.ts'
import type { Schema } from './schema.ts'
import { openSqlite } from './sqlite-adapter.ts'

export type Database = Kysely<Schema>

export type Storage = { readonly dataDir: string } | { readonly databaseUrl: string }

/** Storage cannot be opened; the message says what to do. */
export class StorageUnusable extends Error {
  override readonly name = 'StorageUnusable'
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Creates DATA_DIR with mode 0700, or narrows what is wider. @throws {StorageUnusable} */
export const prepareDataDir = (dataDir: string): void => {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    if ((statSync(dataDir).mode & 0o077) !== 0) chmodSync(dataDir, 0o700)
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StorageUnusable(
      `DATA_DIR ${dataDir} cannot be used (${reason(error)}). Set DATA_DIR to a folder that this user may create and write.`,
      { cause: error }
    )
  }
}

const sqliteDialect = (dataDir: string): SqliteDialect => {
  prepareDataDir(dataDir)
  const path = join(dataDir, 'bitrixcorp.sqlite')
  try {
    const database = openSqlite(path)
    chmodSync(path, 0o600)
    return new SqliteDialect({ database })
  } catch (error) {
    throw new StorageUnusable(
      `The database ${path} cannot be opened (${reason(error)}). Check the disk and the rights of DATA_DIR.`,
      {
        cause: error
      }
    )
  }
}

const postgresDialect = async (databaseUrl: string): Promise<PostgresDialect> => {
  const { default: pg } = await import('pg')
  // bigint columns hold epoch milliseconds and counters, which are safe numbers.
  const types = new pg.TypeOverrides()
  types.setTypeParser(20, Number)
  const pool = new pg.Pool({ connectionString: databaseUrl, types, max: 10 })
  pool.on('error', () => undefined) // an idle connection broke: the next query opens a new one or says why not
  return new PostgresDialect({ pool })
}

/** @throws {StorageUnusable} */
export const openDatabase = async (storage: Storage): Promise<Database> => {
  const dialect = 'dataDir' in storage ? sqliteDialect(storage.dataDir) : await postgresDialect(storage.databaseUrl)
  const db = new Kysely<Schema>({ dialect })
  const { error } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest()
  if (error === undefined) return db
  await db.destroy().catch(() => undefined)
  const where = 'dataDir' in storage ? `in ${storage.dataDir}` : 'at DATABASE_URL'
  throw new StorageUnusable(
    `The database ${where} cannot be brought up to date (${reason(error)}). If it was written by a newer BitrixCorp, start that version; otherwise check disk, address and rights.`,
    { cause: error }
  )
}
