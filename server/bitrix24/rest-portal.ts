// A portal over a REST client: commands in one batch request, and a truthful outcome for every one of them.
// Must stay true: one execute is one request that the portal may execute (the client repeats only what it refused to look at); a command is "ok" only when the raw reply holds its result and no error.
import {
  type BatchReply,
  COMMANDS_PER_BATCH,
  type Command,
  type CommandOutcome,
  type CommandTime,
  type Portal,
  PortalFailure
} from '../core/portal.ts'
import { createTurns } from '../core/turns.ts'
import type { RawReply, RestClient } from './client.ts'
import { encodeCommand } from './encoding.ts'
import { failureOfReply, failureOfTransport, outcomeOfError } from './failures.ts'
import { type BatchBody, finishOf, parseJson, readBatch, readError, readNumber, readTime } from './reply.ts'
import { secondsOf } from './seconds.ts'

export interface RestPortalOptions {
  /** Stable identity: `member_id`, or the host[:port] of a webhook. */
  readonly id: string
  /** Host[:port] as people know it. */
  readonly host: string
  readonly client: RestClient
}

/** Keys that PHP would take for list places, or that come twice, would mix up outcomes. */
const checkKeys = (commands: readonly Command[]): void => {
  if (commands.length < 1 || commands.length > COMMANDS_PER_BATCH) {
    throw new RangeError(`A batch holds 1 to ${COMMANDS_PER_BATCH} commands, not ${commands.length}`)
  }
  const keys = new Set(commands.map(({ key }) => key))
  if (keys.size < commands.length) throw new RangeError('The keys of a batch must differ')
  for (const key of keys) if (!/^[A-Za-z]\w*$/.test(key)) throw new RangeError(`Not a key of a command: ${key}`)
}

const okOutcome = ({ result }: BatchBody, key: string): CommandOutcome => {
  const total = readNumber(result.result_total.get(key))
  const next = readNumber(result.result_next.get(key))
  return {
    kind: 'ok',
    result: result.result.get(key),
    ...(total === undefined ? {} : { total }),
    ...(next === undefined ? {} : { next })
  }
}

const readTimes = (
  { result, time: whole }: BatchBody,
  commands: readonly Command[],
  elapsed: number
): Map<string, CommandTime> => {
  const times = new Map<string, CommandTime>()
  const told = commands.flatMap(({ key }) => {
    const time = readTime(result.result_time.get(key))
    return time === undefined ? [] : [{ key, time }]
  })
  const seconds = secondsOf(
    told.map(({ time }) => time),
    elapsed
  )
  for (const [index, { key, time }] of told.entries()) {
    const resetAt = time.operating_reset_at === undefined ? undefined : time.operating_reset_at * 1000
    // A command's own finish lies a little before the end of the answer: the wait is a little too long then, never too short.
    const answeredAt = finishOf(whole) ?? finishOf(time)
    times.set(key, {
      duration: seconds[index] ?? 0,
      ...(time.operating === undefined ? {} : { operating: time.operating }),
      ...(resetAt === undefined ? {} : { operatingResetAt: resetAt }),
      ...(resetAt === undefined || answeredAt === undefined ? {} : { operatingResetIn: (resetAt - answeredAt) / 1000 })
    })
  }
  return times
}

/** `elapsed`: seconds from sending to the answer. */
const readReply = (body: BatchBody, commands: readonly Command[], halt: boolean, elapsed: number): BatchReply => {
  const outcomes = new Map<string, CommandOutcome>()
  let stopped = false
  for (const { key } of commands) {
    const done = body.result.result.has(key)
    const failed = body.result.result_error.has(key)
    if (done && failed) outcomes.set(key, { kind: 'unknown', message: 'The portal reports both a result and an error' })
    else if (done) outcomes.set(key, okOutcome(body, key))
    else if (failed) outcomes.set(key, outcomeOfError(readError(body.result.result_error.get(key))))
    else if (stopped) outcomes.set(key, { kind: 'skipped' })
    else outcomes.set(key, { kind: 'unknown', message: 'The portal did not say what became of the command' })
    if (failed && halt) stopped = true
  }
  const times = readTimes(body, commands, elapsed)
  const sum = [...times.values()].reduce((seconds, { duration }) => seconds + duration, 0)
  const finish = body.time?.finish
  return {
    outcomes,
    times,
    duration: sum,
    finishedAt: finish === undefined ? undefined : finish * 1000
  }
}

/** Portal over any client. `execute` throws RangeError or TypeError for commands that cannot be sent, before sending. */
export const createRestPortal = ({ id, host, client }: RestPortalOptions): Portal => {
  // Requests of one moment leave a few at a time: prepared all together, the first would leave when the last is ready.
  const turn = createTurns(4)
  return {
    id,
    host,
    async execute(commands, { halt }) {
      checkKeys(commands)
      await turn()
      const cmd = Object.fromEntries(commands.map(command => [command.key, encodeCommand(command)]))
      let reply: RawReply
      const sentAt = performance.now()
      try {
        reply = await client.batch(cmd, { halt })
      } catch (error) {
        throw error instanceof PortalFailure ? error : failureOfTransport(error, host)
      }
      const body = reply.status === 200 ? readBatch(parseJson(reply.body)) : undefined
      if (body === undefined) throw failureOfReply(reply, host)
      return readReply(body, commands, halt, (performance.now() - sentAt) / 1000)
    }
  }
}
