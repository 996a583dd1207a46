// A line before one place: whoever has the least time left is next, and whoever leaves is gone at once.
// Must stay true: one at a time; no more wait than the line holds, the last of them are turned away.

export interface Line {
  /**
   * Does `work` when it is the caller's turn. `until`: until when he may wait, on any one clock.
   * Rejects with `signal`'s reason when it aborts before, and with `full()` when the line is too long for him.
   */
  take<T>(until: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>
}

interface Place {
  readonly until: number
  go(): void
  turnAway(): void
}

/** `most`: how many may wait besides the one whose turn it is. */
export const createLine = (most: number, full: () => Error): Line => {
  /** By `until`; of equal ones, whoever came first. */
  const waiting: Place[] = []
  let taken = false

  const queue = (until: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const over = (settle: () => void): void => {
        signal?.removeEventListener('abort', leave)
        settle()
      }
      const place: Place = { until, go: () => over(resolve), turnAway: () => over(() => reject(full())) }
      const leave = (): void => {
        waiting.splice(waiting.indexOf(place), 1)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', leave, { once: true })
      const behind = waiting.findIndex(other => other.until > until)
      waiting.splice(behind === -1 ? waiting.length : behind, 0, place)
      if (waiting.length > most) waiting.pop()?.turnAway()
    })

  return {
    async take(until, signal, work) {
      signal?.throwIfAborted()
      if (taken) await queue(until, signal)
      taken = true
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) taken = false
        else next.go()
      }
    }
  }
}
