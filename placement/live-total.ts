// How many records there are while a run changes their number.
// Must stay true: costs no request; what the run has settled and what was counted are never added twice.

export interface LiveTotal {
  /** A count that the portal gave now. */
  read(total: number): void
  /** How many a run has added so far (negative: deleted). */
  changed(run: { readonly id: string; readonly running: boolean }, net: number): void
  value(): number
}

/**
 * A count taken during a run holds rows that the run has not heard of yet, so it is no base to add to.
 * Only a count from before the run is; else the last count stands until the next.
 */
export const createLiveTotal = (): LiveTotal => {
  let counted = 0
  let base: number | null = null
  let current: { id: string; running: boolean; net: number } | null = null
  return {
    read(total) {
      counted = total
      if (current?.running !== true) base = null
    },
    changed({ id, running }, net) {
      // A resumed run goes on with its old numbers, so the base is what there was before all of them.
      if (running && current?.running !== true) base = counted - (current?.id === id ? current.net : 0)
      current = { id, running, net }
    },
    value() {
      if (base === null || current === null) return counted
      const moved = base + current.net
      // Whichever is further along.
      return Math.max(0, current.net >= 0 ? Math.max(counted, moved) : Math.min(counted, moved))
    }
  }
}
