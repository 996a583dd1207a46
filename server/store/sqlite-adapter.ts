// The SQLite driver in the shape that kysely's dialect asks for (better-sqlite3's).
// Must stay true: the only importer of the driver; node:sqlite has the same API and can take its place.
import { DatabaseSync } from '@photostructure/sqlite'
import { SqliteAdapter, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely'

/** What a statement can be given; kysely binds what our columns hold: text and numbers. */
type Value = string | number | null

/**
 * kysely prepares anew for every execution, which takes longer than to execute. Statements up to so many characters are kept:
 * all that we have, but inserts of many rows, of which there is one for each number of rows.
 */
const LONGEST_KEPT = 1000

/**
 * busy_timeout first: the others may meet another process. auto_vacuum before anything is in the file (shrink.ts).
 * FULL: a commit that was acknowledged survives a power cut.
 */
const PRAGMAS = [
  'busy_timeout=5000',
  'auto_vacuum=INCREMENTAL',
  'journal_mode=WAL',
  'synchronous=FULL',
  'foreign_keys=ON'
]

/** kysely migrates SQLite outside a transaction, although SQLite can roll definitions back: two first starts would meet halfway. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

export class TransactionalSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

/** @throws the driver's error */
export const openSqlite = (path: string): SqliteDatabase => {
  const db = new DatabaseSync(path)
  try {
    for (const pragma of PRAGMAS) db.exec(`PRAGMA ${pragma}`)
  } catch (error) {
    db.close()
    throw error
  }
  const prepare = (sql: string): SqliteStatement => {
    // Our transactions read before they write. A deferred one that read can never write after another process did
    // (SQLITE_BUSY_SNAPSHOT, whatever the time-out), so the right to write is taken at the beginning.
    const statement = db.prepare(sql === 'begin' ? 'begin immediate' : sql)
    return {
      reader: /^\s*(select|pragma|with)\b|\breturning\b/i.test(sql),
      all: parameters => statement.all(...(parameters as Value[])),
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
      db.close()
    },
    prepare(sql) {
      const statement = kept.get(sql) ?? prepare(sql)
      if (sql.length <= LONGEST_KEPT) kept.set(sql, statement)
      return statement
    }
  }
}
