// DATA_DIR: made, checked, private.
// Must stay true: nobody but this user can read what is in it.
import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Storage cannot be opened; the message says what to do. */
export class StorageUnusable extends Error {
  override readonly name = 'StorageUnusable'
}

/** An error in a few words. Connection errors may carry their text only inside (AggregateError of several addresses). */
export const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

/** Not mkdir's own `recursive`: on Node 20 it never returns below a folder that takes no entries, such as /proc. */
const makeFolder = (path: string): void => {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!existsSync(path)) throw error // otherwise another start made it at the same moment
  }
}

/** Creates DATA_DIR with mode 0700, or narrows what is wider. @throws {StorageUnusable} */
export const prepareDataDir = (dataDir: string): void => {
  try {
    makeFolder(dataDir)
    const stats = statSync(dataDir)
    if (!stats.isDirectory()) throw new Error('it is not a folder')
    const { mode } = stats
    // Sticky: a folder for everybody's files, such as /tmp. Closing it would break the machine.
    if ((mode & 0o1000) !== 0) throw new Error('it is shared by all users of this machine')
    if ((mode & 0o077) !== 0) chmodSync(dataDir, 0o700)
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StorageUnusable(
      `DATA_DIR ${dataDir} cannot be used (${reasonOf(error)}). Set DATA_DIR to a folder of its own that this user may create and write.`,
      { cause: error }
    )
  }
}
