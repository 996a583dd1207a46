// A clock that jumps to the next sleeper as soon as nothing else can happen: hours pass in milliseconds.
// Must stay true: steady time is nothing like a date, so that nobody takes the one for the other; time moves only when every promise has come to rest.
import type { Clock } from '../../server/core/clock.ts'

export interface VirtualClock extends Clock {
  /** Lets time pass until `done` is true. Fails after `limitMs` of virtual time or when nothing is left to wait for. */
  runUntil(done: () => boolean, limitMs?: number): Promise<void>
  /** Somebody sets the time, forward or back; nobody wakes up sooner or later for it. */
  set(byMs: number): void
}

/** `lookMs`: time that passes whenever somebody looks at it, as work of our own takes time. */
export const createVirtualClock = (start = 1_800_000_000_000, lookMs = 0): VirtualClock => {
  let now = 0
  let shift = start
  const sleepers = new Set<{ at: number; wake: () => void }>()
  const rest = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  return {
    now: () => now + shift,
    steady() {
      now += lookMs
      return now
    },
    set(byMs) {
      shift += byMs
    },
    sleep(ms, signal) {
      return new Promise(resolve => {
        if (signal?.aborted) return resolve()
        const sleeper = {
          at: now + Math.max(0, ms),
          wake: () => {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          }
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      })
    },
    async runUntil(done, limitMs = 24 * 3_600_000) {
      const end = now + limitMs
      for (let idle = 0; !done(); ) {
        await rest()
        await rest()
        if (done()) return
        const next = [...sleepers].sort((a, b) => a.at - b.at)[0]
        if (next === undefined) {
          idle += 1
          if (idle > 50) throw new Error('Nothing is left to wait for')
          continue
        }
        idle = 0
        now = Math.max(now, next.at)
        if (now > end) throw new Error('Virtual time is up')
        next.wake()
      }
    }
  }
}
