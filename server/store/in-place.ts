// Whether the database is still the one that was opened: a file that was deleted or replaced takes writes that nobody finds again.
// Must stay true: by device and inode, which nobody else gets as long as the file is open; the database itself is never opened for it (that would lose its locks).
import { statSync } from 'node:fs'
import { storageGone } from '../core/errors.ts'

const identityOf = (path: string): string | undefined => {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`
}

/**
 * Remembers an open SQLite database, and the files beside it once they are there: SQLite keeps them for as long as somebody has it open.
 * @returns throws STORAGE_GONE where one of them is not the same any more
 */
export const rememberFiles = (path: string): (() => void) => {
  const known = new Map<string, string>()
  const demand = (): void => {
    for (const each of [path, `${path}-wal`, `${path}-shm`]) {
      const before = known.get(each)
      const now = identityOf(each)
      if (before !== undefined && now !== before) throw storageGone(each)
      if (now !== undefined) known.set(each, now)
    }
  }
  demand()
  return demand
}
