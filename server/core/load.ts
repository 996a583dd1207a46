// What lies at a portal right now, or is about to: requests, their rows, since when; and how many it works on at once.
// Must stay true: counts nothing twice; an answered request lies there no more, even if its answer is not journalled yet.

/** A request that is not answered yet. */
export interface UnderWay {
  readonly rows: number
  /** Unix ms. */
  readonly since: number
  /** Older requests that lay there then, and when those of them that are gone were answered. */
  readonly ahead: number
  readonly passed: readonly number[]
}

/** Rows of all of them. */
export const rowsOf = (load: readonly UnderWay[]): number => load.reduce((sum, { rows }) => sum + rows, 0)

export interface LoadCounter {
  /** Oldest first. */
  now(): readonly UnderWay[]
  /** Counts a request of so many rows until `answered` is called. */
  occupy(rows: number, now: number): Place
}

/** How a request stood among the others. */
export interface Standing {
  /** Requests that the portal worked on when it began with this one, itself included, as it takes them in their order. */
  readonly abreast: number
  /** Older requests that lay there when this one came. */
  readonly ahead: number
  /** Those of them that were answered before it began. Where there are none it did not wait for a worker, however late its answer came. */
  readonly passed: number
  /** Seconds from when a worker should have been free for it to when the portal began with it; its way there and back is in them. */
  readonly idle: number
}

export interface Place {
  /** The request is answered, or given up. `duration`: the portal's own seconds for it. `workers`: requests that the portal works on at once. */
  answered(now: number, duration?: number, workers?: number): Standing
}

/** An end within this share of a request's own time around its beginning made room for it. */
const BLUR = 0.1

/** `freed`: called whenever a request has been answered. */
export const createLoadCounter = (freed: () => void = () => undefined): LoadCounter => {
  const open = new Set<UnderWay & { readonly order: number; readonly passed: number[] }>()
  /** Answered while one that is still open lay there. */
  let closed: { readonly order: number; readonly at: number }[] = []
  let count = 0

  return {
    now: () => [...open],
    occupy(rows, since) {
      count += 1
      const request = { rows, since, ahead: open.size, passed: [], order: count }
      open.add(request)
      return {
        answered(at, duration = 0, workers = 1) {
          open.delete(request)
          for (const other of open) if (other.order > request.order) other.passed.push(at)
          const began = at - duration * 1000 * (1 - BLUR)
          const before = ({ order }: { order: number }): boolean => order < request.order
          const abreast =
            1 + [...open].filter(before).length + closed.filter(other => other.at > began && before(other)).length
          const [oldest] = open
          closed.push({ order: request.order, at })
          // Whoever is still open was sent after those had ended.
          closed = oldest === undefined ? [] : closed.filter(other => other.at > oldest.since)
          freed()
          const passed = request.passed.filter(end => end <= began)
          // The portal takes requests in their order: so many had to end before it was this one's turn.
          const turn = request.ahead + 1 - workers
          const freeAt = turn <= 0 ? since : (passed[turn - 1] ?? began)
          const idle = Math.max(0, at - duration * 1000 - freeAt) / 1000
          return { abreast, ahead: request.ahead, passed: passed.length, idle }
        }
      }
    }
  }
}
