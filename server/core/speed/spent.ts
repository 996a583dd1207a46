// When a method's operating time was used, and so when it comes back.
// Must stay true: pure but for its own list, which stays short: times are kept in sixtieths of the window.

const STEPS = 60

/** So much operating time comes back in so many seconds. */
export interface Return {
  readonly in: number
  readonly seconds: number
}

export interface Spent {
  /** A command took so many seconds; steady ms. */
  note(seconds: number, now: number): void
  /** Seconds noted within the window. */
  noted(now: number): number
  /**
   * What is used now and when it comes back, soonest first. `used`: what the portal counts, of which others may have used a part: that comes
   * back in `othersIn` seconds.
   */
  returns(used: number, othersIn: number, now: number): Return[]
}

/** `window`: seconds after which operating time comes back. */
export const createSpent = (window: number): Spent => {
  let spent: { readonly at: number; seconds: number }[] = []
  const within = (now: number) => spent.filter(({ at }) => now - at < window * 1000)
  const noted = (now: number): number => within(now).reduce((sum, { seconds }) => sum + seconds, 0)
  return {
    noted,
    note(seconds, now) {
      const last = spent.at(-1)
      if (last !== undefined && now - last.at < (window * 1000) / STEPS) last.seconds += seconds
      else spent = [...within(now), { at: now, seconds }]
    },
    returns(used, othersIn, now) {
      const own = noted(now)
      const share = Math.min(1, used / Math.max(own, 1e-9))
      const list = within(now).map(({ at, seconds }) => ({ in: window - (now - at) / 1000, seconds: seconds * share }))
      if (used > own) list.push({ in: othersIn, seconds: used - own })
      return list.sort((one, other) => one.in - other.in)
    }
  }
}
