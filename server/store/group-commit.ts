// Writes that wait at the same moment share one transaction, and so one fsync.
// Must stay true: writes settle in call order; a failing write fails alone; no write is ever tried again after its commit began.
import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Schema } from './schema.ts'
import { asStorageFailure } from './storage-failure.ts'

/**
 * Writes all of it, in this order, inside one transaction. When that fails before the commit, it is rolled back
 * and called again with each alone.
 */
export type WriteAll<T> = (tx: Transaction<Schema>, items: readonly T[]) => Promise<void>

interface Waiting<T> {
  readonly item: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Failure {
  readonly error: unknown
  /** Before the commit certainly nothing was written; a commit that failed may have been carried out. */
  readonly during: 'start' | 'write' | 'commit'
}

/** A pool may hand out a connection that the server has cut a moment ago: the next one is new. */
const STARTS = 3

const writeTogether = async <T>(
  db: Database,
  write: WriteAll<T>,
  items: readonly T[]
): Promise<Failure | undefined> => {
  const inside: { error?: unknown } = {}
  let during: Failure['during'] = 'start'
  try {
    await db.transaction().execute(async tx => {
      during = 'write'
      try {
        await write(tx, items)
      } catch (error) {
        // Kept here: where the engine has rolled back by itself (full disk, lost connection), kysely's own rollback fails and hides it.
        inside.error = error
        throw error
      }
      during = 'commit'
    })
    return undefined
  } catch (error) {
    return { error: 'error' in inside ? inside.error : error, during }
  }
}

/**
 * The returned function resolves when its item is durable. Items given in the same turn of the event loop, or while a transaction
 * is under way, are written together. Rejects with {LeaseLost}, {AppError} of the write itself, or as storage-failure.ts says.
 */
export const createGroupCommit = <T>(db: Database, write: WriteAll<T>): ((item: T) => Promise<void>) => {
  let waiting: Waiting<T>[] = []
  let draining = false

  const settle = async (group: readonly Waiting<T>[]): Promise<void> => {
    const items = group.map(({ item }) => item)
    let failure = await writeTogether(db, write, items)
    for (let start = 1; failure?.during === 'start' && start < STARTS; start += 1)
      failure = await writeTogether(db, write, items)
    if (failure === undefined) {
      for (const { resolve } of group) resolve()
    } else if (failure.during === 'write' && group.length > 1) {
      for (const each of group) await settle([each])
    } else {
      for (const { reject } of group) reject(asStorageFailure(db, failure.error))
    }
  }

  const drain = async (): Promise<void> => {
    draining = true
    while (waiting.length > 0) {
      // Lets this turn's other callers in; and SQLite, which blocks, does not keep the event loop to itself.
      await new Promise(resolve => setImmediate(resolve))
      const group = waiting
      waiting = []
      await settle(group)
    }
    draining = false
  }

  return item =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!draining) void drain()
    })
}
