// A portal behind its pace: everything that talks to a portal goes through one of these, so that the limits are kept in one place.
// Must stay true: whoever calls `send` has reserved the request before; every answer teaches the pace.

import type { Clock } from './clock.ts'
import { portalSlow } from './errors.ts'
import { type BatchReply, COMMANDS_PER_BATCH, type Command, type Portal, PortalFailure } from './portal.ts'
import type { Answer } from './speed/answer.ts'
import { createLoadCounter, rowsOf } from './speed/load.ts'
import { PAGE_WAITS_SECONDS, type Pace, type Traffic } from './speed/pace.ts'
import { latencyOf, learnReads, type Speed, unknownSpeed } from './speed/speed.ts'

/** How long what a page reads waits for its requests, all together. */
export const READ_PATIENCE_MS = PAGE_WAITS_SECONDS * 1000
/** How long a page goes on trying: somebody waits for it. */
const PAGE_PATIENCE_MS = 2000
/** How long a run's look-up goes on trying; shorter before the portal has ever answered: then the address may be wrong. */
const RUN_PATIENCE_MS = 10_000
const FIRST_PATIENCE_MS = 3000

/** For whom something is read. */
export interface Visit {
  /** Aborts when nobody waits for it any more: what has not been sent then never is. */
  readonly signal?: AbortSignal | undefined
  /** Steady ms until when it may wait for its requests; `READ_PATIENCE_MS` from now by default. */
  readonly until?: number
}

export interface ExecuteOptions extends Visit {
  /** Who asks; a page by default. */
  readonly traffic?: Traffic
  /** Awaited before each sending; nothing is sent when it rejects. */
  readonly confirm?: (() => Promise<void>) | undefined
}

export interface Channel {
  readonly portal: Portal
  readonly pace: Pace
  /** What earlier runs learned of the portal's speed. */
  readonly speed: Speed
  /** True once the portal has answered anything in this process. */
  proven(): boolean
  /** Sends at once: the request is already reserved. @throws {PortalFailure} */
  send(commands: readonly Command[], options: { readonly halt: boolean }): Promise<Answer>
  /**
   * For reads and repeatable writes: waits for the request bucket, sends the commands as one batch, learns from the answer.
   * Temporary failures are waited out for some seconds; sending such commands twice does no harm.
   * @throws {PortalFailure}, what `confirm` throws, `signal`'s reason, and for pages {AppError} PORTAL_SLOW
   */
  execute(commands: readonly Command[], options?: ExecuteOptions): Promise<BatchReply>
}

/** Requests that come back while the last ones are under way. */
const MEANWHILE = 3

/**
 * What a run with so many rows left may use: also the room kept for pages, once all that is left fits into the requests that can go now.
 * A page may have to wait for half a second then.
 */
export const trafficOf = ({ pace }: Channel, left: number, now: number): Traffic =>
  left <= (pace.free(now, 'end') + MEANWHILE) * COMMANDS_PER_BATCH ? 'end' : 'run'

export const createChannel = (portal: Portal, pace: Pace, clock: Clock): Channel => {
  let proven = false
  const speed = unknownSpeed()
  const load = createLoadCounter()

  const learn = (commands: readonly Command[], reply: BatchReply): void => {
    const now = clock.steady()
    for (const { key, method } of commands) {
      const time = reply.times.get(key)
      if (time?.operating !== undefined && time.operatingResetAt !== undefined) {
        const { operating: used, operatingResetAt: window, operatingResetIn: resetIn, duration: took } = time
        pace.operating(method, { used, window, resetIn, took }, now)
      }
      const outcome = reply.outcomes.get(key)
      if (outcome?.kind === 'limited' && outcome.code === 'OPERATION_TIME_LIMIT') pace.park(method, now)
    }
  }

  const send: Channel['send'] = async (commands, options) => {
    const sentAt = clock.steady()
    const from = clock.steady()
    const place = load.occupy(commands.length, sentAt)
    const rowsInFlight = rowsOf(load.now())
    try {
      const reply = await portal.execute(commands, options)
      const now = clock.steady()
      proven = true
      pace.accepted(now)
      learn(commands, reply)
      const standing = place.answered(now, reply, latencyOf(speed))
      return { reply, elapsed: (clock.steady() - from) / 1000, rowsInFlight, ...standing }
    } catch (error) {
      place.left(clock.steady())
      if (error instanceof PortalFailure) {
        if (error.kind === 'intensity') pace.refused(clock.steady(), sentAt)
        if (error.kind === 'operating') for (const { method } of commands) pace.park(method, clock.steady())
      }
      throw error
    }
  }

  /** Takes a request out of the bucket as soon as there is one. */
  const reserve = async (traffic: Traffic, { signal, until = Number.POSITIVE_INFINITY }: Visit): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted()
      const now = clock.steady()
      const wait = pace.reserve(now, traffic)
      if (wait === 0) return
      if (wait > until) throw portalSlow()
      if (traffic !== 'page') pace.runWaits(now, traffic)
      await clock.sleep(wait - now, signal)
    }
  }

  return {
    portal,
    pace,
    speed,
    proven: () => proven,
    send,
    async execute(commands, { traffic = 'page', confirm, signal, until = clock.steady() + READ_PATIENCE_MS } = {}) {
      const patience = traffic === 'page' ? PAGE_PATIENCE_MS : proven ? RUN_PATIENCE_MS : FIRST_PATIENCE_MS
      const giveUpAt = clock.steady() + patience
      for (let attempt = 0; ; attempt += 1) {
        if (traffic === 'page') await pace.pages.take(until, signal, () => reserve(traffic, { signal, until }))
        else await reserve(traffic, { signal })
        await confirm?.()
        try {
          const { reply, elapsed } = await send(commands, { halt: false })
          learnReads(speed, reply, elapsed)
          signal?.throwIfAborted()
          return reply
        } catch (error) {
          const again = error instanceof PortalFailure && ['intensity', 'unreachable', 'lost'].includes(error.kind)
          const pause = 250 * 2 ** attempt
          if (!again || clock.steady() + pause > giveUpAt) throw error
          await clock.sleep(pause, signal)
        }
      }
    }
  }
}
