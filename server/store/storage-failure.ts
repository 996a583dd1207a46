// What a failed write means to the core.
// Must stay true: a driver's error leaves the store only as the cause of STORAGE_FAILED.
import { AppError, storageFailed } from '../core/errors.ts'
import { LeaseLost } from '../core/journal.ts'

/** Keeps errors that the core knows; everything else is STORAGE_FAILED. */
export const asStorageFailure = (error: unknown): LeaseLost | AppError =>
  error instanceof LeaseLost || error instanceof AppError ? error : storageFailed(error)
