// What SQLite's errors mean.
// Must stay true: judged by their numbers, never by their words.

/** Results that say that another program holds a lock: SQLITE_BUSY, SQLITE_LOCKED. */
const LOCKED: readonly number[] = [5, 6]
/** SQLITE_CORRUPT, SQLITE_NOTADB */
const DAMAGED: readonly number[] = [11, 26]

/** Without what extended codes add (the higher bytes); 0 for errors of others. */
const codeOf = (error: unknown): number =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0

/** Nothing was done, and it can be tried again. */
export const isLocked = (error: unknown): boolean => LOCKED.includes(codeOf(error))

export const isDamaged = (error: unknown): boolean => DAMAGED.includes(codeOf(error))
