// Opens the storage: SQLite in DATA_DIR, or PostgreSQL at DATABASE_URL; migrated, ready, durable.
// Must stay true: nothing outside server/store knows which engine it is.
import { chmodSync, closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely, Migrator, PostgresAdapter, PostgresDialect, type SqliteDialect } from 'kysely'
import { prepareDataDir, reasonOf, StorageUnusable } from './data-dir.ts'
import { migrationProvider } from './migrations.ts'
import { openPool, type PoolOptions } from './postgres-pool.ts'
import type { Schema } from './schema.ts'
import { makeShrinkable } from './shrink.ts'
import { openSqlite, TransactionalSqliteDialect } from './sqlite-adapter.ts'

export { StorageUnusable }

/** `destroy()` closes it. */
export type Database = Kysely<Schema>

/** Whether other machines may use it too. */
export const isShared = (db: Database): boolean => db.getExecutor().adapter instanceof PostgresAdapter

export type Storage =
  | { readonly dataDir: string }
  | {
      readonly databaseUrl: string
      /** Milliseconds that a statement may take; 10 s by default. */
      readonly answerMs?: number
      /** Connections at most; 10 by default. */
      readonly pool?: number
    }

const ANSWER_MS = 10_000
const POOL = 10
const MIGRATE_MS = 600_000

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

/** kysely's lock belongs to a connection, and would stay behind on one that a pooler has given away: the migrating pool has its own. */
class LockFreeAdapter extends PostgresAdapter {
  override acquireMigrationLock(): Promise<void> {
    return Promise.resolve()
  }
  override releaseMigrationLock(): Promise<void> {
    return Promise.resolve()
  }
}

class PooledPostgresDialect extends PostgresDialect {
  override createAdapter(): PostgresAdapter {
    return new LockFreeAdapter()
  }
}

const postgresDialect = async (databaseUrl: string, options: PoolOptions): Promise<PostgresDialect> =>
  new PooledPostgresDialect({ pool: await openPool(databaseUrl, options) })

/** Does all migrations that are missing. They may take long, and wait for those of another start. */
const migrate = async (db: Database, storage: Storage): Promise<unknown> => {
  const migrating =
    'dataDir' in storage
      ? db
      : new Kysely<Schema>({
          dialect: await postgresDialect(storage.databaseUrl, { answerMs: MIGRATE_MS, size: 1, alone: true })
        })
  const { error } = await new Migrator({ db: migrating, provider: migrationProvider }).migrateToLatest()
  if (migrating !== db) await migrating.destroy().catch(() => undefined)
  return error
}

/** The names of migrations in the database that this version does not have. */
const unknownMigrations = async (db: Database): Promise<string[]> => {
  const known = await migrationProvider.getMigrations()
  const done = await db.selectFrom('kysely_migration').select('name').execute()
  return done.map(({ name }) => name).filter(name => !Object.hasOwn(known, name))
}

/** Ready to use: created where it was missing, all migrations done. @throws {StorageUnusable} */
export const openDatabase = async (storage: Storage): Promise<Database> => {
  const db = new Kysely<Schema>({
    dialect:
      'dataDir' in storage
        ? sqliteDialect(storage.dataDir)
        : await postgresDialect(storage.databaseUrl, {
            answerMs: storage.answerMs ?? ANSWER_MS,
            size: storage.pool ?? POOL
          })
  })
  const error = await migrate(db, storage)
  if (error === undefined) {
    if ('dataDir' in storage) await makeShrinkable(db)
    return db
  }
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
