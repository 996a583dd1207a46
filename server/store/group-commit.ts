// Writes that wait at the same moment share one transaction, and so one fsync.
// Must stay true: writes settle in call order; a failing write fails alone; no write is ever tried again after its commit began.
import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Schema } from './schema.ts'
import { isLocked } from './sqlite-errors.ts'
import { asStorageFailure } from './storage-failure.ts'

/**
 * Writes all of it, in this order, inside one transaction. When that fails before the commit, it is rolled back
 * and called again with each alone.
 */
export type WriteAll<T> = (tx: Transaction<Schema>, items: readonly T[]) => Promise<void>

interface Waiting<T> {
  readonly item: T
  /** Steady ms. */
  readonly since: number
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
 * `patience`: milliseconds for which an item waits for another program's lock, in its place in the order.
 * The returned function resolves when its item is durable. Items given in the same turn of the event loop, or while a transaction
 * is under way, are written together. Rejects with {LeaseLost}, {AppError} of the write itself, or as storage-failure.ts says.
 */
export const createGroupCommit = <T>(
  db: Database,
  write: WriteAll<T>,
  patience: (item: T) => number = () => 0
): ((item: T) => Promise<void>) => {
  let waiting: Waiting<T>[] = []
  let draining = false

  const begin = async (items: readonly T[]): Promise<Failure | undefined> => {
    let failure = await writeTogether(db, write, items)
    for (let start = 1; failure?.during === 'start' && !isLocked(failure.error) && start < STARTS; start += 1)
      failure = await writeTogether(db, write, items)
    return failure
  }

  /** Those that have patience left go on waiting, before all that came later; the others hear of it. */
  const postpone = (group: readonly Waiting<T>[], error: unknown): void => {
    const now = performance.now()
    const patient = group.filter(({ item, since }) => now - since < patience(item))
    for (const each of group) if (!patient.includes(each)) each.reject(asStorageFailure(db, error))
    waiting = [...patient, ...waiting]
  }

  const settle = async (group: readonly Waiting<T>[]): Promise<void> => {
    const failure = await begin(group.map(({ item }) => item))
    if (failure?.during === 'start' && isLocked(failure.error)) {
      postpone(group, failure.error)
    } else if (failure === undefined) {
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
      waiting.push({ item, since: performance.now(), resolve, reject })
      if (!draining) void drain()
    })
}
