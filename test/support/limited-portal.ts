// A portal in virtual time with the limits that a real one has: workers, time per command, request bucket, operating time.
// Must stay true: first come, first served; a batch's commands run one after another; it counts every refusal.
import { createOperatingTime, createRequestBucket } from '../../emulator/limits.ts'
import type { Clock } from '../../server/core/clock.ts'
import { type CommandOutcome, type Portal, PortalFailure } from '../../server/core/portal.ts'
import { createModelCrm, createReply, type ModelCrm } from './model-crm.ts'

export interface PortalLimits {
  readonly workers: number
  /** Seconds of one command; `count` commands were executed before it. */
  readonly commandSeconds: (count: number) => number
  /** Round trip, half before and half after the work. */
  readonly latencySeconds: number
  /** Seconds more, on each of the two ways; a request may overtake another one. */
  readonly delaySeconds?: () => number
  readonly burst: number
  readonly rate: number
  /** By how much the portal's clock is ahead of ours. */
  readonly aheadSeconds?: number
  readonly operating?: {
    readonly model: 'window' | 'ban'
    readonly limitSeconds: number
    readonly windowSeconds: number
    readonly banSeconds: number
  }
}

export interface LimitedPortal {
  readonly portal: Portal
  readonly crm: ModelCrm
  readonly stats: { requests: number; refused: number; limited: number; maxLevel(): number }
  /** A request of somebody else on the same address; false when the bucket was full. */
  disturb(): boolean
}

const BEGAN_AT = 1_800_000_000_000

export const createLimitedPortal = (clock: Clock, limits: PortalLimits): LimitedPortal => {
  const crm = createModelCrm()
  /** By the portal's own clock: whoever sets ours does not set it. */
  const time = (): number => BEGAN_AT + (limits.aheadSeconds ?? 0) * 1000 + clock.steady()
  const bucket = createRequestBucket(() => ({
    on: true,
    size: limits.burst,
    drainPerSecond: limits.rate,
    by: 'address'
  }))
  const { operating: limit } = limits
  const operating = createOperatingTime(() => ({
    on: limit !== undefined,
    model: limit?.model ?? 'window',
    limitSeconds: limit?.limitSeconds ?? 0,
    windowSeconds: limit?.windowSeconds ?? 0,
    banSeconds: limit?.banSeconds ?? 0,
    ignoreUpToSeconds: 0
  }))
  const stats = { requests: 0, refused: 0, limited: 0, maxLevel: () => bucket.maxLevel }
  const queue: (() => void)[] = []
  let busy = 0
  let executed = 0

  const way = (): Promise<void> => clock.sleep(limits.latencySeconds * 500 + (limits.delaySeconds?.() ?? 0) * 1000)
  const worker = async (): Promise<void> => {
    if (busy >= limits.workers) await new Promise<void>(resolve => queue.push(resolve))
    else busy += 1
  }
  const leave = (): void => {
    const next = busy > limits.workers ? undefined : queue.shift()
    if (next === undefined) busy -= 1
    else next()
  }

  return {
    crm,
    stats,
    disturb: () => bucket.admit('address', time()),
    portal: {
      id: 'limited',
      host: 'limited.test',
      async execute(commands, { halt }) {
        stats.requests += 1
        await way()
        if (!bucket.admit('address', time())) {
          stats.refused += 1
          await way()
          throw new PortalFailure('intensity', 'QUERY_LIMIT_EXCEEDED', 'Too many requests')
        }
        await worker()
        const { outcomes, times, results, note } = createReply()
        const startedAt = time()
        let due = startedAt
        let halted = false
        for (const command of commands) {
          let outcome: CommandOutcome = { kind: 'skipped' }
          let seconds = 0
          if (!halted) {
            if (operating.blocked(command.method, time())) {
              stats.limited += 1
              outcome = { kind: 'limited', code: 'OPERATION_TIME_LIMIT' }
            } else {
              seconds = limits.commandSeconds(executed)
              executed += 1
              const at = due
              due += seconds * 1000
              // Without operating time nobody looks in between: the batch is waited for as a whole.
              if (limit !== undefined) await clock.sleep(due - time())
              operating.register(command.method, at, seconds)
              outcome = crm.run(command, results)
            }
          }
          const { operating: used, resetAt } = operating.read(command.method, time())
          const counted = limit === undefined ? {} : { operating: used, ...(resetAt && { operatingResetAt: resetAt }) }
          note(command.key, outcome, { duration: seconds, ...counted })
          if (outcome.kind !== 'ok' && halt) halted = true
        }
        if (due > time()) await clock.sleep(due - time())
        const finishedAt = time()
        for (const [key, { operatingResetAt, ...rest }] of times)
          if (operatingResetAt !== undefined)
            times.set(key, { ...rest, operatingResetAt, operatingResetIn: (operatingResetAt - finishedAt) / 1000 })
        leave()
        await way()
        return { outcomes, times, duration: (due - startedAt) / 1000, finishedAt }
      }
    }
  }
}
