// Seeded draws: the same seed gives the same round.
// Must stay true: nothing in chaos/ draws from anywhere else.

export interface Draw {
  /** 0..1 */
  number(): number
  /** Whole, both ends included. */
  integer(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly [T, ...T[]]): T
}

/** mulberry32 */
export const createDraw = (seed: number): Draw => {
  let state = seed >>> 0
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number): number => min + Math.floor(number() * (max - min + 1))
  return {
    number,
    integer,
    chance: probability => number() < probability,
    pick: items => items[integer(0, items.length - 1)] ?? items[0]
  }
}
