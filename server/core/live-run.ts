// An active run as others see it: its newest snapshot, and a way to wait for a newer one.
// Must stay true: a slow watcher costs nothing: it skips to the newest.
import type { RunSnapshot } from './run.ts'

export interface LiveRun {
  current(): RunSnapshot
  show(snapshot: RunSnapshot): void
  /** Resolves at the next `show`, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>
}

export const createLiveRun = (first: RunSnapshot): LiveRun => {
  let snapshot = first
  const waiters = new Set<() => void>()
  return {
    current: () => snapshot,
    show(next) {
      snapshot = next
      for (const wake of waiters) wake()
      waiters.clear()
    },
    changed(signal) {
      return new Promise(resolve => {
        if (signal.aborted) return resolve()
        const wake = (): void => {
          signal.removeEventListener('abort', wake)
          waiters.delete(wake)
          resolve()
        }
        waiters.add(wake)
        signal.addEventListener('abort', wake, { once: true })
      })
    }
  }
}
