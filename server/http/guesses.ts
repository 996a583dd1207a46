// Wrong secrets, counted for each address: every further one waits longer.
// Must stay true: no address waits for another; memory is bounded, however many addresses guess.
import { printedAddress } from './hosts.ts'

/** Each wrong one of an address makes the next wait so much longer, up to the longest wait. */
const STEP_MS = 10
const LONGEST_MS = 5000
/** So much waiting at once is a flood: until it is worked off, nothing of that address counts, right or wrong. */
const FLOOD_MS = 10_000
/** Forgiven after so long without a wrong one. */
const FORGET_MS = 15 * 60_000
const MOST_ADDRESSES = 10_000

export interface Guesses {
  /** So many wrong ones wait that no other is looked at, right or wrong. */
  isFlooded(address: string): boolean
  /** Counts a wrong one, unless it was not looked at; milliseconds until it may be answered. */
  wrong(address: string): number
  /** Addresses that are remembered. */
  size(): number
}

/** One household has a /64 of IPv6: its addresses are one. */
const keyOf = (address: string): string => {
  const printed = printedAddress(address) ?? address
  if (!printed.startsWith('[')) return printed
  const [head = '', tail] = printed.slice(1, -1).split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail?.split(':') ?? [])]
    .slice(0, 4)
    .join(':')
}

/** `now`: milliseconds that no setting of the clock changes. */
export const createGuesses = (now: () => number): Guesses => {
  /** In the order of their last wrong one. */
  const found = new Map<string, { readonly count: number; readonly until: number }>()
  const tidy = (): void => {
    for (const [key, { until }] of found) {
      if (found.size < MOST_ADDRESSES && until + FORGET_MS > now()) return
      found.delete(key)
    }
  }
  const waitOf = (key: string): number => (found.get(key)?.until ?? 0) - now()
  return {
    isFlooded: address => waitOf(keyOf(address)) >= FLOOD_MS,
    wrong(address) {
      const key = keyOf(address)
      if (waitOf(key) >= FLOOD_MS) return waitOf(key)
      tidy()
      const { count, until } = found.get(key) ?? { count: 0, until: 0 }
      const answerAt = Math.max(until, now()) + Math.min(LONGEST_MS, STEP_MS * (count + 1))
      found.delete(key)
      found.set(key, { count: count + 1, until: answerAt })
      return answerAt - now()
    },
    size: () => found.size
  }
}
