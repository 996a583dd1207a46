// Chance that can be repeated: keys, draws and shuffles that depend on numbers only, never on what was drawn before.
// Must stay true: pure 32-bit arithmetic; every function here is part of SAMPLE_VERSION (sample.ts).

/** Mixes 32 bits so that neighbouring inputs have nothing in common (an integer hash of the lowbias32 kind). */
const mix = (value: number): number => {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}

/** 2^32 divided by the golden ratio: steps by it visit all 32-bit numbers without a visible rhythm. */
const STEP = 0x9e3779b9

/** One 32-bit key out of several whole numbers; their order counts. */
export const deriveKey = (...parts: readonly number[]): number => {
  let key = STEP
  for (const part of parts) key = mix(key + STEP + mix(part))
  return key
}

/** A source of draws that is cheap enough to make one for every row. */
export interface Draw {
  /** Whole number from 0 to `size` - 1. */
  below(size: number): number
  /** One of a list's entries. @throws {RangeError} when the list is empty */
  of<T>(list: readonly T[]): T
}

export const createDraw = (key: number): Draw => {
  let state = key
  const below = (size: number): number => {
    state = (state + STEP) | 0
    return Math.floor((mix(state) / 2 ** 32) * size)
  }
  return {
    below,
    of(list) {
      const entry = list[below(list.length)]
      if (entry === undefined) throw new RangeError('Nothing to draw from')
      return entry
    }
  }
}

const ROUNDS = 4

/**
 * Where `index` stands after 0..size-1 were shuffled by `key`: a bijection, computed alone for each index.
 * A Feistel network is a bijection over a power of four whatever its round function is; walking on until the value
 * is inside `size` keeps it one.
 * @throws {RangeError} when `index` is outside 0..size-1, or `size` above 2^30
 */
export const shuffled = (index: number, size: number, key: number): number => {
  if (!Number.isInteger(index) || index < 0 || index >= size || size > 2 ** 30) {
    throw new RangeError(`No place ${index} among ${size}`)
  }
  const half = Math.max(1, Math.ceil(Math.log2(size) / 2))
  const mask = 2 ** half - 1
  let value = index
  do {
    let left = value >>> half
    let right = value & mask
    for (let round = 0; round < ROUNDS; round += 1) {
      const next = left ^ (mix(right + Math.imul(key + round, STEP)) & mask)
      left = right
      right = next
    }
    value = (left << half) | right
  } while (value >= size)
  return value
}
