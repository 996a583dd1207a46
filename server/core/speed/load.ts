// What lies at a portal right now, or is about to: requests, their rows, since when; and how many it works on at once.
// Must stay true: counts nothing twice; an answered request lies there no more, even if its answer is not journalled yet.

/** A request that is not answered yet. */
export interface UnderWay {
  readonly rows: number
  /** Steady ms. */
  readonly since: number
  /** Requests that lay there already when this one was sent. */
  readonly ahead: number
  /** When requests that may have come before this one were answered since: steady ms, in the order of their answers. */
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

/** How a request stood among the others. A portal takes them in the order in which they come. */
export interface Standing {
  /** So many requests at least the portal worked on when it began with this one, itself included. */
  readonly least: number
  /** And if this one had to wait for a worker, so many at most. */
  readonly most: number
  /** Requests that came before it and were answered before it began. Where there are none it did not wait for a worker, however late its answer came. */
  readonly endedBefore: number
}

/** What an answer says of the portal's work on it. */
export interface Work {
  /** Seconds. */
  readonly duration: number
  /** Unix ms by the portal's own clock, which knows nothing of what held the answer up; undefined where it does not say. */
  readonly finishedAt: number | undefined
}

export interface Place {
  /** The request is answered. `latency`: seconds on the wire. */
  answered(now: number, work: Work, latency: number): Standing
  /** The request is given up, or how it stood does not matter. */
  left(now: number): void
}

/** An end so near to a request's beginning, in parts of its own time and in milliseconds, may have made room for it, or not. */
const NEAR = 0.02
const NEAR_MS = 3
/** Requests that leave within this share of the time on the wire may overtake one another. */
const TOGETHER = 0.5

/** Milliseconds within which it is not known which of two requests came first. */
export const togetherMs = (latency: number): number => latency * TOGETHER * 1000

interface Request extends UnderWay {
  readonly order: number
  readonly passed: number[]
  /** As `passed`, by the portal's clock. */
  readonly ends: number[]
}
/** `began`, `ended`: by the portal's clock. */
interface Answered extends Pick<Request, 'order' | 'since'> {
  readonly at: number
  readonly began: number
  readonly ended: number
}

/** `freed`: called whenever a request has been answered. */
export const createLoadCounter = (freed: () => void = () => undefined): LoadCounter => {
  const open = new Set<Request>()
  /** Answered while one that is still open lay there. */
  let closed: Answered[] = []
  let count = 0
  /** The portal's clock less ours, as the last answer that told its time says; 0 as long as none did, and then all of it is by ours. */
  let ahead = 0

  const leave = ({ order, since }: Request, at: number, blur: number, ended: number): void => {
    const [oldest] = open
    for (const other of open) {
      if (other.order < order && other.since < since - blur) continue
      other.passed.push(at)
      other.ends.push(ended)
    }
    // Whoever is still open was sent after those had ended.
    closed = oldest === undefined ? [] : closed.filter(other => other.at > oldest.since)
    freed()
  }

  return {
    now: () => [...open],
    occupy(rows, since) {
      count += 1
      const request: Request = { rows, since, ahead: open.size, passed: [], ends: [], order: count }
      open.add(request)
      return {
        left(at) {
          open.delete(request)
          leave(request, at, 0, at + ahead)
        },
        answered(at, { duration, finishedAt = at + ahead }, latency) {
          const { order } = request
          ahead = finishedAt - at
          const blur = togetherMs(latency)
          const began = finishedAt - duration * 1000
          const near = duration * 1000 * NEAR + NEAR_MS
          open.delete(request)
          const others = [...open]
          const together = (other: { readonly order: number; readonly since: number }): boolean =>
            other.order > order && other.since <= since + blur
          const least =
            1 +
            others.filter(other => other.order < order && other.since < since - blur).length +
            closed.filter(other => other.began <= began + near && other.ended > began + near).length
          const most =
            others.filter(other => other.order < order || together(other)).length +
            closed.filter(other => other.began < began + near && other.ended > began - near).length
          const ends = request.ends.filter(end => end <= began + near)
          // Who waits begins as soon as another one ends.
          const waited = ends.some(end => end >= began - near)
          closed.push({ order, since, at, began, ended: finishedAt })
          leave(request, at, blur, finishedAt)
          return { least, most: Math.max(least, most), endedBefore: waited ? ends.length : 0 }
        }
      }
    }
  }
}
