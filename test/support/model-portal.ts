// A portal as a few maps: what it does to each request is drawn from a script of fates.
// Must stay true: it counts what really exists; a request that works on after its answer was lost is over within `requestSeconds`.
import type { Clock } from '../../server/core/clock.ts'
import {
  type BatchReply,
  type Command,
  type CommandOutcome,
  type Portal,
  PortalFailure
} from '../../server/core/portal.ts'
import { createModelCrm, createReply, type ModelRecord } from './model-crm.ts'

export type Fate =
  | { readonly is: 'fine' }
  /** Executed, answer lost. */
  | { readonly is: 'answer lost' }
  /** The connection broke at command `after`; the portal goes on for `seconds`, then executes the rest. */
  | { readonly is: 'goes on'; readonly seconds: number }
  /** Only the first commands were executed before the worker died. */
  | { readonly is: 'dies'; readonly after: number }
  | { readonly is: 'never arrives' }
  | { readonly is: 'refused connection' }
  | { readonly is: 'too many requests' }
  /** Delivered twice, one after the other with a twentieth of the longest request and `gap` seconds in between; the second answer comes back. */
  | { readonly is: 'delivered twice'; readonly gap: number }
  /** Delivered twice, and the second delivery is refused: the access ended in between. */
  | { readonly is: 'refused the second time'; readonly gap: number }
  /** A limit stops every command from `after` on. */
  | { readonly is: 'limit inside'; readonly after: number }
  /** The result of one command is missing in the answer. */
  | { readonly is: 'result missing'; readonly index: number }
  /** One command is refused. */
  | { readonly is: 'row refused'; readonly index: number }

export interface ModelPortal {
  readonly portal: Portal
  readonly companies: Map<number, ModelRecord>
  readonly contacts: Map<number, ModelRecord>
  requests(): number
}

const COMMAND_SECONDS = 0.1

export const createModelPortal = (clock: Clock, fates: readonly Fate[], requestSeconds: number): ModelPortal => {
  const crm = createModelCrm()
  let requests = 0

  const execute = (
    commands: readonly Command[],
    halt: boolean,
    special: (index: number) => CommandOutcome | 'die' | undefined
  ): BatchReply => {
    const { outcomes, times, results, note } = createReply()
    let halted = false
    for (const [index, command] of commands.entries()) {
      const drawn = special(index)
      if (drawn === 'die') break
      const outcome: CommandOutcome = halted ? { kind: 'skipped' } : (drawn ?? crm.run(command, results))
      note(command.key, outcome, { duration: COMMAND_SECONDS })
      if (outcome.kind !== 'ok' && halt) halted = true
    }
    return { outcomes, times, duration: results.size * COMMAND_SECONDS, finishedAt: undefined }
  }
  const lost = (): never => {
    throw new PortalFailure('lost', 'ECONNRESET', 'The connection was lost')
  }

  return {
    companies: crm.companies,
    contacts: crm.contacts,
    requests: () => requests,
    portal: {
      id: 'model',
      host: 'model.test',
      async execute(commands, { halt }) {
        const fate = fates[requests] ?? { is: 'fine' }
        requests += 1
        const writes = commands.some(({ method }) => method.endsWith('.add'))
        switch (fate.is) {
          case 'refused connection':
            throw new PortalFailure('unreachable', 'ECONNREFUSED', 'No connection')
          case 'too many requests':
            throw new PortalFailure('intensity', 'QUERY_LIMIT_EXCEEDED', 'Too many requests')
          case 'never arrives':
            await clock.sleep(500)
            return lost()
          case 'answer lost':
            execute(commands, halt, () => undefined)
            await clock.sleep(1000)
            return lost()
          case 'dies':
            execute(commands, halt, index => (index >= fate.after ? 'die' : undefined))
            return lost()
          case 'goes on': {
            const seconds = Math.min(fate.seconds, requestSeconds - 0.01)
            void clock.sleep(seconds * 1000).then(() => execute(commands, halt, () => undefined))
            return lost()
          }
          case 'refused the second time': {
            const { duration } = execute(commands, halt, () => undefined)
            await clock.sleep((requestSeconds / 20 + fate.gap + duration) * 1000)
            throw new PortalFailure('blocked', 'invalid_token', 'Unable to get application by token')
          }
          case 'delivered twice': {
            // What is noticed whatever is known of the portal (settle.ts); delivered-twice.test.ts has the shorter ones.
            const pause = requestSeconds / 20 + fate.gap
            const first = execute(commands, halt, () => undefined)
            await clock.sleep((first.duration + pause) * 1000)
            const second = execute(commands, halt, () => undefined)
            await clock.sleep(second.duration * 1000)
            return second
          }
          default: {
            const reply = execute(commands, halt, index => {
              if (fate.is === 'limit inside' && writes && index >= fate.after) {
                return { kind: 'limited', code: 'OPERATION_TIME_LIMIT' }
              }
              if (fate.is === 'row refused' && writes && index === fate.index) {
                return { kind: 'refused', code: '', message: 'Access denied.' }
              }
              return undefined
            })
            await clock.sleep(reply.duration * 1000)
            if (fate.is !== 'result missing') return reply
            const key = commands[fate.index]?.key
            const outcomes = new Map(reply.outcomes)
            if (key !== undefined) outcomes.set(key, { kind: 'unknown', message: 'No result' })
            return { ...reply, outcomes }
          }
        }
      }
    }
  }
}
