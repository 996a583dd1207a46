// What a failure of the storage means to the core.
// Must stay true: a driver's error leaves the store only as the cause of STORAGE_FAILED, _LOCKED or _DAMAGED, or DATABASE_FAILED.
import { AppError, databaseFailed, storageDamaged, storageFailed, storageLocked } from '../core/errors.ts'
import { LeaseLost } from '../core/run/journal.ts'
import { type Database, isShared } from './database.ts'
import { isDamaged, isLocked } from './sqlite-errors.ts'

/** Keeps errors that the core knows; everything else is the driver's. */
export const asStorageFailure = (db: Database, error: unknown): LeaseLost | AppError => {
  if (error instanceof LeaseLost || error instanceof AppError) return error
  if (isShared(db)) return databaseFailed(error)
  if (isLocked(error)) return storageLocked(error)
  if (isDamaged(error))
    return storageDamaged(
      'The database in DATA_DIR is damaged. Stop BitrixCorp and restore DATA_DIR from a backup.',
      error
    )
  return storageFailed(error)
}

/** `work` on the database, with its failures as the core knows them. */
export const orStorageFailure = <T>(db: Database, work: Promise<T>): Promise<T> =>
  work.catch(error => {
    throw asStorageFailure(db, error)
  })
