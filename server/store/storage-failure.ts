// What a failure of the storage means to the core.
// Must stay true: a driver's error leaves the store only as the cause of STORAGE_FAILED or DATABASE_FAILED.
import { AppError, databaseFailed, storageFailed } from '../core/errors.ts'
import { LeaseLost } from '../core/run/journal.ts'
import { type Database, isShared } from './database.ts'

/** Keeps errors that the core knows; everything else is the driver's. */
export const asStorageFailure = (db: Database, error: unknown): LeaseLost | AppError => {
  if (error instanceof LeaseLost || error instanceof AppError) return error
  return isShared(db) ? databaseFailed(error) : storageFailed(error)
}

/** `work` on the database, with its failures as the core knows them. */
export const orStorageFailure = <T>(db: Database, work: Promise<T>): Promise<T> =>
  work.catch(error => {
    throw asStorageFailure(db, error)
  })
