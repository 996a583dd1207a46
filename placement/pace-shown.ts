// Speed and time left as people read them.
// Must stay true: pure; nothing is shown before there is something to measure.

const WINDOW_MS = 10_000
const SHORTEST_MS = 1000

export interface Speed {
  /** @param at any clock in ms that never goes back @param done settled rows */
  add(at: number, done: number): void
  /** Rows per second over the last seconds; null while unknown. */
  perSecond(): number | null
}

export const createSpeed = (): Speed => {
  const points: { at: number; done: number }[] = []
  return {
    add(at, done) {
      points.push({ at, done })
      while (points.length > 2 && at - (points[1]?.at ?? at) >= WINDOW_MS) points.shift()
    },
    perSecond() {
      const first = points[0]
      const last = points.at(-1)
      if (first === undefined || last === undefined || last.at - first.at < SHORTEST_MS) return null
      return ((last.done - first.done) * 1000) / (last.at - first.at)
    }
  }
}

/** A speed with as many digits as are worth reading: 0.4, 7.5, 42. */
export const roundSpeed = (perSecond: number): number =>
  perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond)

export type TimeLeft =
  | { readonly unit: 'seconds'; readonly seconds: number }
  | { readonly unit: 'minutes'; readonly minutes: number }
  | { readonly unit: 'hours'; readonly hours: number; readonly minutes: number }

/** Up to 90 s in seconds, up to 90 min in whole minutes (rounded up), then hours and minutes. */
export const timeLeft = (seconds: number): TimeLeft => {
  const whole = Math.max(0, Math.ceil(seconds))
  if (whole <= 90) return { unit: 'seconds', seconds: whole }
  const minutes = Math.ceil(whole / 60)
  if (minutes <= 90) return { unit: 'minutes', minutes }
  return { unit: 'hours', hours: Math.floor(minutes / 60), minutes: minutes % 60 }
}
