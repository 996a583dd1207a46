// Waits for a lock that another program holds on the database.
// Must stay true: the event loop never waits, and what waits holds nothing that others need.
import { setTimeout as sleep } from 'node:timers/promises'
import { isLocked } from './sqlite-errors.ts'

/** Our own processes hold a lock for a commit; a backup, for seconds. */
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100

/**
 * Tries `work` until it finds no lock, for at most `patienceMs`; then throws the error that says so.
 * @param pausing what to do around each pause; the pause itself, unless it is given
 */
export const whenUnlocked = async <T>(
  work: () => T | Promise<T>,
  patienceMs: number,
  pausing: (pause: () => Promise<unknown>) => Promise<unknown> = pause => pause()
): Promise<T> => {
  const until = performance.now() + patienceMs
  for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(2 * ms, LONGEST_PAUSE_MS)) {
    try {
      return await work()
    } catch (error) {
      if (!isLocked(error) || performance.now() >= until) throw error
    }
    await pausing(() => sleep(ms))
  }
}
