// An active run as others see it: its newest snapshot, and a way to wait for a newer one.
// Must stay true: a snapshot that nobody looks at is not made; a slow watcher costs nothing: it skips to the newest.
import { setMaxListeners } from 'node:events'
import type { Clock } from '../clock.ts'
import type { RunSnapshot } from './run.ts'

/** Watchers share one snapshot for so long, and each is told of a newer one at most this often. */
const SHOW_EVERY_MS = 100

export interface LiveRun {
  current(): RunSnapshot
  /** There is something newer. `make` is called once, when somebody looks, or never. */
  show(make: () => RunSnapshot): void
  /** Nothing newer will come: whoever waits gets the last snapshot at once. */
  end(): void
  ended(): boolean
  /** For watchers, who saw `seen` last: a newer one in its time; whatever there is when the run has ended or `signal` aborts. */
  newer(seen: RunSnapshot | undefined, signal: AbortSignal): Promise<RunSnapshot>
}

export const createLiveRun = (first: RunSnapshot, clock: Clock): LiveRun => {
  const over = new AbortController()
  // Watchers that came at different moments have timers of their own, as many as there are: no leak.
  setMaxListeners(0, over.signal)
  let make = (): RunSnapshot => first
  let newest: RunSnapshot | undefined = first
  let shared = first
  let sharedAt = Number.NEGATIVE_INFINITY
  let waiters = new Set<() => void>()

  const current = (): RunSnapshot => {
    newest ??= make()
    return newest
  }
  const share = (): RunSnapshot => {
    const now = clock.steady()
    if (over.signal.aborted || now - sharedAt >= SHOW_EVERY_MS) {
      shared = current()
      sharedAt = now
    }
    return shared
  }
  /** One timer for all who have waited for the same news. */
  const tell = (): void => {
    if (waiters.size === 0) return
    const told = waiters
    waiters = new Set()
    void clock.sleep(SHOW_EVERY_MS, over.signal).then(() => {
      for (const wake of told) wake()
    })
  }

  return {
    current,
    show(next) {
      make = next
      newest = undefined
      tell()
    },
    end() {
      tell()
      over.abort()
    },
    ended: () => over.signal.aborted,
    newer(seen, signal) {
      return new Promise(resolve => {
        if (seen === undefined || signal.aborted || over.signal.aborted) return resolve(share())
        const wake = (): void => {
          waiters.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve(share())
        }
        waiters.add(wake)
        signal.addEventListener('abort', wake, { once: true })
        if (newest !== seen) tell()
      })
    }
  }
}
