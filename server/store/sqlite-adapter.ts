// The SQLite driver in the shape that kysely's dialect asks for (better-sqlite3's).
// Must stay true: the only importer of the driver; node:sqlite has the same API and can take its place; it never waits for a lock.
import { DatabaseSync } from '@photostructure/sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** What a statement can be given; kysely binds what our columns hold: text and numbers. */
type Value = string | number | null

/**
 * kysely prepares anew for every execution, which takes longer than to execute. Statements up to so many characters are kept:
 * all that we have, but inserts of many rows, of which there is one for each number of rows.
 */
const LONGEST_KEPT = 1000

/**
 * busy_timeout: SQLite would wait inside, and the event loop with it (lock-patience.ts waits outside). auto_vacuum before anything is in the file (shrink.ts).
 * FULL: a commit that was acknowledged survives a power cut. journal_size_limit: bytes; what -wal is cut to after it was larger.
 */
const PRAGMAS = [
  'busy_timeout=0',
  'auto_vacuum=INCREMENTAL',
  'journal_mode=WAL',
  'synchronous=FULL',
  'foreign_keys=ON',
  'journal_size_limit=4194304'
]

const READS = /^\s*(select|pragma|with)\b/i
const RETURNS = /\breturning\b/i

/** A write whose result is read. */
export const returnsRows = (sql: string): boolean => RETURNS.test(sql) && !READS.test(sql)

export interface Sqlite extends SqliteDatabase {
  /** Puts everything into the database file itself, as far as nobody else is reading, and closes it. */
  close(): void
}

/** The journal mode was asked for, and something else is what came: such a file takes no two processes, and no reader beside a writer. */
export class WalRefused extends Error {
  override readonly name = 'WalRefused'
}

/** @throws the driver's error, {WalRefused} */
export const openSqlite = (path: string): Sqlite => {
  const db = new DatabaseSync(path)
  const ask = (pragma: string): Record<string, unknown> => Object(db.prepare(`PRAGMA ${pragma}`).get())
  try {
    for (const pragma of PRAGMAS) db.exec(`PRAGMA ${pragma}`)
    const mode = ask('journal_mode')['journal_mode']
    if (mode !== 'wal') throw new WalRefused(`SQLite's journal mode is ${mode} there, not wal`)
  } catch (error) {
    db.close()
    throw error
  }
  const prepare = (sql: string): SqliteStatement => {
    // Our transactions read before they write. A deferred one that read can never write after another process did
    // (SQLITE_BUSY_SNAPSHOT, whatever the time-out), so the right to write is taken at the beginning.
    const statement = db.prepare(sql === 'begin' ? 'begin immediate' : sql)
    const reads = READS.test(sql)
    return {
      reader: reads || RETURNS.test(sql),
      all(parameters) {
        try {
          return statement.all(...(parameters as Value[]))
        } catch (error) {
          // The driver's `all` tells no number of an error; `get` does, unless it has passed meanwhile.
          if (!reads) throw error
          statement.get(...(parameters as Value[]))
          return statement.all(...(parameters as Value[]))
        }
      },
      run(parameters) {
        const { changes, lastInsertRowid } = statement.run(...(parameters as Value[]))
        return { changes: Number(changes), lastInsertRowid: BigInt(lastInsertRowid) }
      },
      // An iterator of its own for every reader: one statement cannot be read twice at a time.
      iterate: parameters => db.prepare(sql).iterate(...(parameters as Value[])) as IterableIterator<unknown>
    }
  }
  const kept = new Map<string, SqliteStatement>()
  return {
    close() {
      kept.clear()
      try {
        // SQLite itself does so only once every statement is gone, and the garbage collector decides when that is.
        ask('wal_checkpoint(TRUNCATE)')
      } catch {
        // A full disk, or somebody's lock: what is in -wal stays there, and is found by the next start.
      }
      db.close()
    },
    prepare(sql) {
      const statement = kept.get(sql) ?? prepare(sql)
      if (sql.length <= LONGEST_KEPT) kept.set(sql, statement)
      return statement
    }
  }
}
