// The SQLite driver in the shape that kysely's dialect asks for (better-sqlite3's).
// Must stay true: the only importer of the driver; node:sqlite has the same API and can take its place.
import { DatabaseSync } from '@photostructure/sqlite'
import type { SqliteDatabase } from 'kysely'

export const openSqlite = (path: string): SqliteDatabase => {
  const db = new DatabaseSync(path)
  // FULL: a commit that was acknowledged survives a power cut.
  for (const pragma of ['journal_mode=WAL', 'synchronous=FULL', 'busy_timeout=5000', 'foreign_keys=ON']) {
    db.exec(`PRAGMA ${pragma}`)
  }
  return {
    close: () => db.close(),
    prepare(sql) {
      const statement = db.prepare(sql)
      type Parameters = Parameters_<typeof statement.all>
      return {
        reader: /^\s*(select|pragma|with)\b|\breturning\b/i.test(sql),
        all: parameters => statement.all(...(parameters as Parameters)), // kysely binds what the columns hold: text and numbers
        run(parameters) {
          const { changes, lastInsertRowid } = statement.run(...(parameters as Parameters))
          return { changes: Number(changes), lastInsertRowid: BigInt(lastInsertRowid) }
        },
        iterate: parameters => statement.iterate(...(parameters as Parameters)) as IterableIterator<unknown>
      }
    }
  }
}

type Parameters_<F> = F extends (...args: infer A) => unknown ? A : never
