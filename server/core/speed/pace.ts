// The portal's limits as one model: request bucket, operating time per method, back-off after a refusal.
// Must stay true: no clock of its own; it says "now" or "at T", and never lets more requests out than the bucket holds.

import { portalSlow } from '../errors.ts'
import { createLine, type Line } from '../line.ts'
import type { Budget } from './forecast.ts'
import { createSpent, type Spent } from './spent.ts'

/**
 * Pages may use the whole bucket but one request, in turns with a run that waits; runs leave this share of it to pages and to other applications,
 * until all that is left of them fits into what can go now (channel.ts).
 */
const RUN_HEADROOM = 0.06
/** So many requests pages may be ahead of a run that waits, as many as one page takes: from then on they take turns. */
const PAGES_AHEAD = 4
/** A run that waits comes when it may go. When it did not by so many milliseconds, it does not wait any more. */
const RUN_COMES_MS = 1000
/** When a page asks again whether the run has had its turn. */
const TURN_MS = 20
/** So many seconds a page waits for a request at most; more pages than the bucket gives back in that time don't wait at all. */
export const PAGE_WAITS_SECONDS = 12
const FEWEST_WAITING = 4
/** Of a method's known limit this much is used, then it is parked; the rest is for what was counted differently than we thought. */
export const BUDGET_USED = 0.97
/** Documented in the cloud: 480 s in 600 s, eight and ten times the longest request. Believed until the portal shows another limit. */
const USUAL_LIMIT_REQUESTS = 8
const WINDOW_REQUESTS = 10
/** Newer Bitrix24 servers ban a method for 300 s after it went over its budget (anchors.md, 3.2): five times the longest request. */
const BAN_REQUESTS = 5.1
/** A portal that does not say until when it refuses a method is asked again after a sixth of the longest request, then rarer. */
const FIRST_PARK_REQUESTS = 1 / 6

/** Pauses after 503, as parts of the longest request: 1 s growing to 30 s in the cloud. */
const FIRST_PAUSE = 1 / 60
const LONGEST_PAUSE = 1 / 2

/** Who asks: a page; a run; the last rows of a run, which may use what is otherwise left to pages. */
export type Traffic = 'page' | 'run' | 'end'

export interface PaceOptions {
  /** Requests drained from the bucket per second. */
  readonly rate: number
  /** Size of the bucket. */
  readonly burst: number
  /** 0..1, for jitter. */
  readonly random: () => number
  /** How long a portal may go on working on one request (60 in the cloud): the scale of its limits. */
  readonly requestSeconds: number
}

/** What the portal says of a method behind one of its commands. */
export interface OperatingTime {
  /** Seconds used in the window, this command's included. */
  readonly used: number
  /** Which window that is: the same number as long as nothing of it has come back. */
  readonly window: number
  /** Seconds from now until some of it comes back; undefined where the portal does not say. */
  readonly resetIn: number | undefined
  /** Seconds of the command itself. */
  readonly took: number
}

/** Moments are steady ms. */
interface MethodBudget {
  used: number
  window: number | undefined
  resetAt: number
  /** Seconds at which the portal refused; unknown until it did. */
  limit: number
  parkedUntil: number
  /** After a refusal: one command at a time until it went through. */
  probing: boolean
  refusals: number
  readonly spent: Spent
}

/** All moments, given and told, are steady ms: whoever sets the time makes nobody wait. */
export interface Pace {
  /** Requests drained from the bucket per second. */
  readonly rate: number
  /** Size of the bucket. */
  readonly burst: number
  /** Requests that may go now. */
  free(now: number, traffic: Traffic): number
  /** Takes one request out of the bucket: 0 = go now; otherwise when to ask again (nothing was taken). */
  reserve(now: number, traffic: Traffic): number
  /** A run waits for a request: for every one that pages take from now on, it gets one. To be said again whenever it asks in vain. */
  runWaits(now: number, traffic: Traffic): void
  /** Pages that wait for their request; by steady ms. */
  readonly pages: Line
  /** When a request may go, as far as is known; takes nothing. */
  nextAt(now: number, traffic: Traffic): number
  /** The portal answered 503 to a request that was sent at `sentAt`: back off, and learn that the bucket is smaller. */
  refused(now: number, sentAt: number): void
  /** The portal answered in any other way. */
  accepted(now: number): void
  /** The portal told how much operating time a method has used. */
  operating(method: string, time: OperatingTime, now: number): void
  /** The portal refused a method for its operating time. */
  park(method: string, now: number): void
  /** 0 = open; otherwise until when the method is parked. */
  parkedUntil(method: string, now: number): number
  /** A method's operating time; undefined where the portal does not count it. */
  budget(method: string, now: number): Budget | undefined
  /** True while a method that was parked is tried with one command. */
  probing(method: string): boolean
}

export const createPace = ({ rate, burst, random, requestSeconds }: PaceOptions): Pace => {
  const banMs = requestSeconds * 1000 * BAN_REQUESTS
  const window = requestSeconds * WINDOW_REQUESTS
  /** Whatever a portal says. */
  const longestWait = window + banMs / 1000
  const untouched = (): MethodBudget => ({
    used: 0,
    window: undefined,
    resetAt: 0,
    limit: Number.POSITIVE_INFINITY,
    parkedUntil: 0,
    probing: false,
    refusals: 0,
    spent: createSpent(window)
  })
  let level = 0
  let at: number | undefined
  let capacity = burst
  let blockedUntil = 0
  let refusals = 0
  let refusedAt = 0
  /** Until when a run is believed to wait, and as what. */
  let runWaitsUntil = Number.NEGATIVE_INFINITY
  let runWaitsAs: Traffic = 'run'
  /** Requests that went to pages while a run waited, less those that the run got. */
  let ahead = 0
  const budgets = new Map<string, MethodBudget>()

  const drain = (now: number): void => {
    const seconds = Math.max(0, now - (at ?? now)) / 1000
    level = Math.max(0, level - seconds * rate)
    // What was learned from a refusal fades: the whole bucket is believed in again after about ten minutes.
    capacity = Math.min(burst, capacity + (seconds * burst) / 600)
    at = now
  }
  const room = (traffic: Traffic): number => {
    const reserve = traffic !== 'run' ? 1 : Math.max(2, Math.ceil(burst * RUN_HEADROOM))
    return Math.max(1, capacity - Math.min(reserve, capacity / 2)) - level
  }
  /** 0: there is room now. */
  const roomAt = (now: number, traffic: Traffic): number => {
    const space = room(traffic)
    return space >= 1 ? 0 : now + Math.max(1, Math.ceil(((1 - space) / rate) * 1000))
  }
  const waitFor = (now: number, traffic: Traffic): number => {
    drain(now)
    if (now < blockedUntil) return blockedUntil
    const turnOfRun = traffic === 'page' && ahead >= PAGES_AHEAD && now < runWaitsUntil
    return turnOfRun ? Math.max(now + TURN_MS, roomAt(now, runWaitsAs)) : roomAt(now, traffic)
  }
  const budgetOf = (method: string): MethodBudget => {
    let budget = budgets.get(method)
    if (budget === undefined) {
      budget = untouched()
      budgets.set(method, budget)
    }
    return budget
  }

  return {
    rate,
    burst,
    free(now, traffic) {
      drain(now)
      return now < blockedUntil ? 0 : Math.max(0, Math.floor(room(traffic)))
    },
    reserve(now, traffic) {
      const wait = waitFor(now, traffic)
      if (wait !== 0) return wait
      level += 1
      if (traffic !== 'page') ahead = Math.max(0, ahead - 1)
      else if (now < runWaitsUntil) ahead += 1
      return 0
    },
    runWaits(now, traffic) {
      runWaitsUntil = (waitFor(now, traffic) || now) + RUN_COMES_MS
      runWaitsAs = traffic
    },
    pages: createLine(Math.max(FEWEST_WAITING, Math.ceil(rate * PAGE_WAITS_SECONDS)), portalSlow),
    nextAt: (now, traffic) => waitFor(now, traffic) || now,
    refused(now, sentAt) {
      drain(now)
      if (sentAt < refusedAt) return // one refusal, seen by several requests that were under way together
      capacity = Math.max(2, Math.min(capacity, level))
      level = capacity
      refusedAt = now
      refusals += 1
      const pause = requestSeconds * 1000 * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (refusals - 1))
      blockedUntil = now + pause * (0.75 + 0.5 * random())
    },
    accepted(now) {
      if (now >= blockedUntil) refusals = 0
    },
    operating(method, { used, window: seen, resetIn = window, took }, now) {
      const budget = budgetOf(method)
      budget.spent.note(took, now)
      // Answers overtake one another: within a window only more can have been used.
      const same = seen === budget.window
      const resetAt = now + Math.min(Math.max(0, resetIn), longestWait) * 1000
      budget.used = same ? Math.max(budget.used, used) : used
      budget.resetAt = same ? Math.min(budget.resetAt, resetAt) : resetAt
      budget.window = seen
      // Requests that were under way at a refusal show how much was used up by then.
      if (Number.isFinite(budget.limit)) budget.limit = Math.max(budget.limit, used)
      if (now < budget.parkedUntil) return
      budget.probing = false
      budget.refusals = 0
      if (used < budget.limit * BUDGET_USED) return
      budget.parkedUntil = budget.resetAt
      // Only the oldest part of the window falls out then: how much that is, one command tells.
      budget.probing = true
    },
    park(method, now) {
      const budget = budgetOf(method)
      if (now < budget.parkedUntil) return // already known
      if (budget.used > 0 && budget.resetAt > now) budget.limit = Math.min(budget.limit, budget.used)
      budget.refusals += 1
      const told = budget.resetAt > now
      const growing = requestSeconds * 1000 * FIRST_PARK_REQUESTS * 2 ** (budget.refusals - 1)
      // The first time the portal's own word is taken; if it refuses again then, it is a server that bans.
      const firstWord = told && budget.refusals === 1
      budget.parkedUntil = firstWord ? budget.resetAt : now + (told ? banMs : Math.min(banMs, growing))
      budget.probing = true
    },
    parkedUntil(method, now) {
      const until = budgets.get(method)?.parkedUntil ?? 0
      return until > now ? until : 0
    },
    budget(method, now) {
      // A portal that counts says so with every answer; a method that it never counted has all of its time left.
      if (budgets.size === 0) return undefined
      const { used, resetAt, parkedUntil, limit: own, spent } = budgets.get(method) ?? untouched()
      // A portal has one limit for all methods: what one of them met holds for the others.
      const shown = Number.isFinite(own) ? own : Math.min(...[...budgets.values()].map(({ limit }) => limit))
      const limit = Number.isFinite(shown) ? shown : Math.max(requestSeconds * USUAL_LIMIT_REQUESTS, used)
      const parkedIn = Math.max(0, parkedUntil - now) / 1000
      // At `resetAt` only the oldest part of the window falls out: the next answer tells how much. A whole window later all of it has.
      const usedNow = parkedUntil > now ? limit : resetAt + window * 1000 > now ? used : 0
      return {
        left: Math.max(0, limit - usedNow),
        limit,
        window,
        unheard: Math.max(0, usedNow - spent.noted(now)),
        returns: spent
          .returns(usedNow, Math.max(0, resetAt - now) / 1000, now)
          .map(({ in: later, seconds }) => ({ in: Math.max(later, parkedIn), seconds })),
        proven: Number.isFinite(shown)
      }
    },
    probing: method => budgets.get(method)?.probing ?? false
  }
}
