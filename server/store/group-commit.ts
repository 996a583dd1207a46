// Writes that wait at the same moment share one transaction, and so one fsync.
// Must stay true: writes settle in call order; a failing write fails alone; no write is ever tried again after its commit began.
import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Schema } from './schema.ts'
import { asStorageFailure } from './storage-failure.ts'

/** Runs inside a transaction that other writes may share; may run twice, the first time rolled back. */
export type Write = (tx: Transaction<Schema>) => Promise<void>

interface Waiting {
  readonly write: Write
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

const writeTogether = async (db: Database, writes: readonly Write[]): Promise<Failure | undefined> => {
  const inside: { error?: unknown } = {}
  let during: Failure['during'] = 'start'
  try {
    await db.transaction().execute(async tx => {
      during = 'write'
      try {
        for (const write of writes) await write(tx)
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
 * The returned function resolves when its write is durable. Writes called in the same turn of the event loop, or while a transaction
 * is under way, are written together. Rejects with {LeaseLost}, {AppError} of the write itself, or STORAGE_FAILED.
 */
export const createGroupCommit = (db: Database): ((write: Write) => Promise<void>) => {
  let waiting: Waiting[] = []
  let draining = false

  const settle = async (group: readonly Waiting[]): Promise<void> => {
    const writes = group.map(({ write }) => write)
    let failure = await writeTogether(db, writes)
    for (let start = 1; failure?.during === 'start' && start < STARTS; start += 1)
      failure = await writeTogether(db, writes)
    if (failure === undefined) {
      for (const { resolve } of group) resolve()
    } else if (failure.during === 'write' && group.length > 1) {
      for (const each of group) await settle([each])
    } else {
      for (const { reject } of group) reject(asStorageFailure(failure.error))
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

  return write =>
    new Promise((resolve, reject) => {
      waiting.push({ write, resolve, reject })
      if (!draining) void drain()
    })
}
