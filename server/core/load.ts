// How many requests and rows lie at the portal right now, or are about to.
// Must stay true: counts nothing twice; an answered request counts no more, even if its answer is not journalled yet.

export interface Load {
  readonly inFlight: number
  readonly rowsInFlight: number
}

export interface LoadCounter {
  now(): Load
  /** Counts a request of so many rows until `answered` is called; `load` is what lies there with it. */
  occupy(rows: number): { readonly load: Load; answered(): void }
}

/** `freed`: called whenever a request has been answered. */
export const createLoadCounter = (freed: () => void = () => undefined): LoadCounter => {
  let load: Load = { inFlight: 0, rowsInFlight: 0 }
  return {
    now: () => load,
    occupy(rows) {
      const withIt = { inFlight: load.inFlight + 1, rowsInFlight: load.rowsInFlight + rows }
      load = withIt
      return {
        load: withIt,
        answered() {
          load = { inFlight: load.inFlight - 1, rowsInFlight: load.rowsInFlight - rows }
          freed()
        }
      }
    }
  }
}
