// Opens the storage: SQLite in DATA_DIR, or PostgreSQL at DATABASE_URL; migrated, ready, durable.
// Must stay true: nothing outside server/store knows which engine it is.
import { Kysely, Migrator, PostgresAdapter, PostgresDialect } from 'kysely'
import { certificateRefusal } from './certificates.ts'
import { prepareDataDir, reasonOf, StorageUnusable, type Warn } from './data-dir.ts'
import { rememberFiles } from './in-place.ts'
import { migrationProvider } from './migrations.ts'
import { openPool, type PoolOptions } from './postgres-pool.ts'
import type { Schema } from './schema.ts'
import { makeShrinkable } from './shrink.ts'
import type { Sqlite } from './sqlite-adapter.ts'
import { PatientSqliteDialect } from './sqlite-dialect.ts'
import { databaseIn, openSqliteFile, sqliteRefusal } from './sqlite-file.ts'

export { StorageUnusable }

/** `destroy()` closes it. */
export type Database = Kysely<Schema>

/** Whether other machines may use it too. */
export const isShared = (db: Database): boolean => db.getExecutor().adapter instanceof PostgresAdapter

export type Storage =
  | {
      readonly dataDir: string
      /** Milliseconds for which a lock of another program is waited for; 5 s by default. */
      readonly lockedMs?: number
    }
  | {
      readonly databaseUrl: string
      /** Milliseconds that a statement may take; 10 s by default. */
      readonly answerMs?: number
      /** Connections at most; 10 by default. */
      readonly pool?: number
    }

const ANSWER_MS = 10_000
const POOL = 10
const LOCKED_MS = 5000
const MIGRATE_MS = 600_000

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

/** Does all migrations that are missing. */
const migrateAll = async (db: Database): Promise<unknown> =>
  (await new Migrator({ db, provider: migrationProvider }).migrateToLatest()).error

/** They may take long, and wait for those of another start. */
const migratePostgres = async (databaseUrl: string): Promise<unknown> => {
  const migrating = new Kysely<Schema>({
    dialect: await postgresDialect(databaseUrl, { answerMs: MIGRATE_MS, size: 1, alone: true })
  })
  const error = await migrateAll(migrating)
  await migrating.destroy().catch(() => undefined)
  return error
}

/** The names of migrations in the database that this version does not have. */
const unknownMigrations = async (db: Database): Promise<string[]> => {
  const known = await migrationProvider.getMigrations()
  const done = await db.selectFrom('kysely_migration').select('name').execute()
  return done.map(({ name }) => name).filter(name => !Object.hasOwn(known, name))
}

/** What migrations ran into, as something to do about it. Closes the database. */
const refusal = async (db: Database, where: string, otherwise: () => StorageUnusable): Promise<StorageUnusable> => {
  const newer = await unknownMigrations(db).catch(() => [])
  await db.destroy().catch(() => undefined)
  if (newer.length === 0) return otherwise()
  return new StorageUnusable(
    `The database ${where} was written by a newer BitrixCorp (${newer.join(', ')}). Start that version, or give this one another place.`
  )
}

const openEmbedded = async (dataDir: string, lockedMs: number, warn: Warn): Promise<Database> => {
  prepareDataDir(dataDir, warn)
  const path = databaseIn(dataDir)
  const over = (database: Sqlite, demandInPlace: () => void = () => undefined): Database =>
    new Kysely<Schema>({ dialect: new PatientSqliteDialect({ database, lockedMs, demandInPlace }) })
  const fill = async (database: Sqlite): Promise<void> => {
    const db = over(database)
    const error = await migrateAll(db)
    await db.destroy()
    if (error !== undefined) throw error
  }
  const { database, fresh } = await openSqliteFile(path, { lockedMs, fill, warn })
  const db = over(database, rememberFiles(path))
  const error = fresh ? undefined : await migrateAll(db)
  if (error === undefined) {
    await makeShrinkable(db)
    return db
  }
  throw await refusal(db, `in ${dataDir}`, () => sqliteRefusal(path, error))
}

const openShared = async (databaseUrl: string, options: PoolOptions): Promise<Database> => {
  const db = new Kysely<Schema>({ dialect: await postgresDialect(databaseUrl, options) })
  const error = await migratePostgres(databaseUrl)
  if (error === undefined) return db
  throw await refusal(
    db,
    'at DATABASE_URL',
    () =>
      new StorageUnusable(
        certificateRefusal(error) ??
          `The database at DATABASE_URL cannot be used (${reasonOf(error)}). Check the address, the disk and the rights.`,
        { cause: error }
      )
  )
}

/** Ready to use: created where it was missing, all migrations done. @throws {StorageUnusable} */
export const openDatabase = (storage: Storage, warn: Warn = () => undefined): Promise<Database> =>
  'dataDir' in storage
    ? openEmbedded(storage.dataDir, storage.lockedMs ?? LOCKED_MS, warn)
    : openShared(storage.databaseUrl, { answerMs: storage.answerMs ?? ANSWER_MS, size: storage.pool ?? POOL })

/** For an open storage. @returns throws STORAGE_GONE where its files were deleted or replaced */
export const watchFiles = (storage: Storage): (() => void) =>
  'dataDir' in storage ? rememberFiles(databaseIn(storage.dataDir)) : () => undefined
