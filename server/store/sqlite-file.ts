// The database file in DATA_DIR: made whole or not at all, and refused where it is not what we have written.
// Must stay true: an empty history begins only where there was none; what is refused is left as it is.
import { randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, fsyncSync, linkSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { narrow, reasonOf, StorageUnusable, type Warn } from './data-dir.ts'
import { whenUnlocked } from './lock-patience.ts'
import { openSqlite, type Sqlite, WalRefused } from './sqlite-adapter.ts'
import { isDamaged, isLocked } from './sqlite-errors.ts'

export const databaseIn = (dataDir: string): string => join(dataDir, 'bitrixcorp.sqlite')

const damaged = (path: string, what: string, cause?: unknown): StorageUnusable =>
  new StorageUnusable(
    `The database ${path} is damaged (${what}). It was left as it is. Restore DATA_DIR from a backup, or, to begin with an empty history, move ${path} and the files beside it with -wal and -shm at their end to another folder.`,
    { cause }
  )

/** Why a database in DATA_DIR cannot be used, and what to do. */
export const sqliteRefusal = (path: string, error: unknown): StorageUnusable => {
  if (error instanceof StorageUnusable) return error
  if (isDamaged(error)) return damaged(path, reasonOf(error), error)
  const said = (what: string): StorageUnusable => new StorageUnusable(`The database ${path} ${what}`, { cause: error })
  if (isLocked(error))
    return said(
      'is locked by another program, such as a backup or a database shell. End that program, or start again when it is done.'
    )
  if (error instanceof WalRefused)
    return said(
      `cannot be used where it is (${error.message}): its file system, which may be a network's, cannot be shared as SQLite needs it. Set DATA_DIR to a folder on a local disk, or use PostgreSQL (DATABASE_URL).`
    )
  return said(`cannot be used (${reasonOf(error)}). Check the disk and the rights of DATA_DIR.`)
}

const sizeOf = (path: string): number | undefined => {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats !== undefined && !stats.isFile()) throw new Error('it is not a file')
  return stats?.size
}

/** Whether there is none yet. @throws {StorageUnusable} where what is there cannot be all */
const isMissing = (path: string): boolean => {
  const size = sizeOf(path)
  if (size === 0) throw damaged(path, 'the file is empty')
  if (size !== undefined) return false
  // SQLite would delete it: without its database it means nothing.
  if ((sizeOf(`${path}-wal`) ?? 0) > 0)
    throw damaged(path, 'the file is missing, and what was written last stands in -wal beside it')
  return true
}

const sync = (path: string): void => {
  const opened = openSync(path, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}

/** Puts a whole new database at `path`, with all that `fill` does, unless another start was faster. @returns whether it is ours */
const make = async (path: string, fill: (database: Sqlite) => Promise<void>): Promise<boolean> => {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const whole = `${draft}.whole`
  try {
    // Before SQLite opens it: the files beside it (-wal, -shm) get the database's mode.
    closeSync(openSync(draft, 'wx', 0o600))
    await fill(openSqlite(draft))
    // A file of its own: SQLite remembers by which name this process opened a file, and looks for -shm beside that one.
    copyFileSync(draft, whole)
    sync(whole)
    // A link and not a rename: a rename would replace the database that another start has made, and already uses.
    linkSync(whole, path)
    sync(dirname(path))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    for (const each of [whole, draft, `${draft}-wal`, `${draft}-shm`]) rmSync(each, { force: true })
  }
}

const demandTables = (path: string, database: Sqlite): void => {
  const tables = database.prepare("select name from sqlite_master where name = 'kysely_migration'").all([])
  if (tables.length === 0)
    throw damaged(path, 'it has none of our tables: what they held may have been in a -wal that was not copied with it')
}

export interface SqliteFileOptions {
  /** Milliseconds for which a lock of another program is waited for. */
  readonly lockedMs: number
  /** Makes all tables in a new database, and closes it. */
  readonly fill: (database: Sqlite) => Promise<void>
  readonly warn: Warn
}

/** The open database at `path`, which is made where there is none; `fresh`: by us, so that nothing is missing in it. @throws {StorageUnusable} */
export const openSqliteFile = async (
  path: string,
  { lockedMs, fill, warn }: SqliteFileOptions
): Promise<{ readonly database: Sqlite; readonly fresh: boolean }> => {
  try {
    const fresh = isMissing(path) && (await make(path, fill))
    narrow(path, 0o600, warn)
    const database = await whenUnlocked(() => openSqlite(path), lockedMs)
    try {
      await whenUnlocked(() => demandTables(path, database), lockedMs)
    } catch (error) {
      database.close()
      throw error
    }
    return { database, fresh }
  } catch (error) {
    throw sqliteRefusal(path, error)
  }
}
