// DATA_DIR: made, checked, private.
// Must stay true: nobody but this user can read what is in it.
import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Storage cannot be opened; the message says what to do. */
export class StorageUnusable extends Error {
  override readonly name = 'StorageUnusable'
}

/** An error in a few words. Connection errors may carry their text only inside (AggregateError of several addresses). */
export const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

/** Hears, in a sentence, of what works but should be otherwise. */
export type Warn = (message: string) => void

/**
 * Takes all rights of others from a file or folder. Where only its owner could, and that is somebody else (a mounted volume),
 * it may be used as long as no more than its group has rights on it.
 */
export const narrow = (path: string, mode: number, warn: Warn): void => {
  const now = statSync(path).mode
  if ((now & 0o077) === 0) return
  try {
    chmodSync(path, mode)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw error
    if ((now & 0o007) !== 0)
      throw new StorageUnusable(
        `${path} is open to every user of this machine, and belongs to another one, so that its mode cannot be changed. Set DATA_DIR to a folder that is still to be made, such as ${join(path, 'bitrixcorp')}, or let the owner run: chmod o-rwx ${path}`,
        { cause: error }
      )
    warn(
      `${path} belongs to another user: everybody in its group can read what BitrixCorp stores there. Keep that group to BitrixCorp alone.`
    )
  }
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
export const prepareDataDir = (dataDir: string, warn: Warn): void => {
  try {
    makeFolder(dataDir)
    const stats = statSync(dataDir)
    if (!stats.isDirectory()) throw new Error('it is not a folder')
    // Sticky: a folder for everybody's files, such as /tmp. Closing it would break the machine.
    if ((stats.mode & 0o1000) !== 0) throw new Error('it is shared by all users of this machine')
    narrow(dataDir, 0o700, warn)
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof StorageUnusable) throw error
    throw new StorageUnusable(
      `DATA_DIR ${dataDir} cannot be used (${reasonOf(error)}). Set DATA_DIR to a folder of its own that this user may create and write.`,
      { cause: error }
    )
  }
}
