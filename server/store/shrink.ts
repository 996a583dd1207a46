// Gives the space of what was deleted back to the disk. The embedded storage only.
// Must stay true: in small portions; a file that cannot be made ready for it is used as it is.
import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'

/** SQLite's number for it. */
const INCREMENTAL = 2

const ask = async (db: Kysely<Schema>, pragma: 'auto_vacuum' | 'freelist_count'): Promise<number> => {
  const { rows } = await sql<Record<string, number>>`${sql.raw(`PRAGMA ${pragma}`)}`.execute(db)
  return rows[0]?.[pragma] ?? 0
}

/**
 * New files keep account of their pages from the beginning (sqlite-adapter.ts); one of an earlier version is rewritten once.
 * That needs as much disk again, and the file for itself: where it does not work, the next start tries again.
 */
export const makeShrinkable = async (db: Kysely<Schema>): Promise<void> => {
  if ((await ask(db, 'auto_vacuum')) === INCREMENTAL) return
  await sql`VACUUM`.execute(db).catch(() => undefined)
}

/** Gives `pages` back where at least `worth` are free. @returns whether it did */
export const giveBackPages = async (db: Kysely<Schema>, pages: number, worth: number): Promise<boolean> => {
  if ((await ask(db, 'freelist_count')) < worth || (await ask(db, 'auto_vacuum')) !== INCREMENTAL) return false
  await sql`${sql.raw(`PRAGMA incremental_vacuum(${pages})`)}`.execute(db)
  return true
}
