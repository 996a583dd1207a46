// A portal's two counters: requests per source (leaky bucket) and operating time per credential and method.
// Must stay true: pure apart from their own counters; time comes in as unix milliseconds, settings are read at every use.
import type { BucketSettings, OperatingSettings } from './settings.ts'

export interface RequestBucket {
  /** Counts a request and answers whether it may pass; a refused one is not counted. */
  admit(source: string, now: number): boolean
  level(source: string, now: number): number
  /** The highest level that any source reached. */
  readonly maxLevel: number
  reset(): void
}

/** The leaky bucket of protocol.md, 3.1. */
export function createRequestBucket(settings: () => BucketSettings): RequestBucket {
  const buckets = new Map<string, { level: number; at: number }>()
  let maxLevel = 0

  const drained = (source: string, now: number): number => {
    const bucket = buckets.get(source)
    if (bucket === undefined) return 0
    return Math.max(0, bucket.level - (Math.max(0, now - bucket.at) / 1000) * settings().drainPerSecond)
  }
  return {
    admit(source, now) {
      if (!settings().on) return true
      const level = drained(source, now) + 1
      if (level > settings().size + 1e-9) return false
      buckets.set(source, { level, at: now })
      maxLevel = Math.max(maxLevel, level)
      return true
    },
    level: drained,
    get maxLevel() {
      return maxLevel
    },
    reset() {
      buckets.clear()
      maxLevel = 0
    }
  }
}

/** What a `time` block says about a method. */
interface OperatingReading {
  /** Seconds used up in the window. */
  readonly operating: number
  /** Unix milliseconds at which the oldest basket falls out, or the ban ends; absent when there is neither. */
  readonly resetAt?: number
}

export interface OperatingTime {
  /** Asked before a call is executed: whether it is refused. `more`: seconds that are not registered yet. */
  blocked(key: string, now: number, more?: number): boolean
  /** Counts executed calls that began at `startedAt` (unix milliseconds). */
  register(key: string, startedAt: number, seconds: number): void
  read(key: string, now: number): OperatingReading
  reset(): void
}

interface Basket {
  readonly index: number
  readonly firstCallAt: number
  seconds: number
}

const BASKETS = 10

/** The settings that count here; what a batch is counted as is its caller's business. */
export type LimiterSettings = Omit<OperatingSettings, 'batchWeight' | 'innerOperating'>

/** Operating time per key (credential and method): both limiter models of anchors.md, 3.2. */
export function createOperatingTime(settings: () => LimiterSettings): OperatingTime {
  const basketsByKey = new Map<string, Basket[]>()
  const bannedUntil = new Map<string, number>()

  const alive = (key: string, now: number): Basket[] => {
    const baskets = basketsByKey.get(key)
    if (baskets === undefined) return []
    const windowMs = settings().windowSeconds * 1000
    while (baskets[0] !== undefined && baskets[0].firstCallAt + windowMs <= now) baskets.shift()
    return baskets
  }
  const sum = (baskets: readonly Basket[]): number => baskets.reduce((total, basket) => total + basket.seconds, 0)

  return {
    blocked(key, now, more = 0) {
      const { on, model, limitSeconds, banSeconds } = settings()
      if (!on) return false
      const until = bannedUntil.get(key)
      if (until !== undefined) {
        if (model === 'ban' && now < until) return true
        // What requests in flight added during the ban is forgotten with it.
        bannedUntil.delete(key)
        if (model === 'ban') basketsByKey.delete(key)
      }
      if (sum(alive(key, now)) + more <= limitSeconds) return false
      if (model === 'ban') {
        bannedUntil.set(key, now + banSeconds * 1000)
        basketsByKey.delete(key)
      }
      return true
    },
    register(key, startedAt, seconds) {
      const { on, windowSeconds, ignoreUpToSeconds } = settings()
      if (!on || seconds <= ignoreUpToSeconds) return
      const index = Math.floor(startedAt / ((windowSeconds * 1000) / BASKETS))
      const baskets = basketsByKey.get(key) ?? []
      const basket = baskets.findLast(candidate => candidate.index === index)
      if (basket !== undefined) basket.seconds += seconds
      else {
        baskets.push({ index, firstCallAt: startedAt, seconds })
        baskets.sort((left, right) => left.firstCallAt - right.firstCallAt)
      }
      basketsByKey.set(key, baskets)
    },
    read(key, now) {
      const baskets = alive(key, now)
      const oldest = baskets[0]
      const operating = Math.round(sum(baskets) * 1e6) / 1e6
      const until = bannedUntil.get(key)
      if (settings().model === 'ban' && until !== undefined && until > now) return { operating, resetAt: until }
      if (oldest === undefined) return { operating }
      return { operating, resetAt: oldest.firstCallAt + settings().windowSeconds * 1000 }
    },
    reset() {
      basketsByKey.clear()
      bannedUntil.clear()
    }
  }
}
