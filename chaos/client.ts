// Whoever uses the product in a round: starts a run, looks at it, cancels it, lets it go on; at whichever process answers.
// Must stay true: starts one run only; a request that was not answered is made again elsewhere, but for the start.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { Crew, Member } from './crew.ts'
import type { Ask } from './door.ts'
import { createDraw } from './random.ts'
import type { Schedule } from './schedule.ts'

/** A round that has not ended by then has failed. */
const ROUND_SECONDS = 180
const LOOK_EVERY_MS = 30
/** How long a start waits for the process that was drawn for it. */
const STARTER_MS = 3000

/** What a client knows, also when it fails. */
export interface Memory {
  runId?: string | undefined
}

export interface ClientDeps {
  readonly crew: Crew
  readonly schedule: Schedule
  /** Of the start of a run. */
  readonly body: Readonly<Record<string, unknown>>
  readonly memory: Memory
  /** Each time the run is seen. */
  readonly onSeen: (run: RunSnapshot) => void
}

/** The process died, or stands still. */
const isGone = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')

/** What an answer says, or undefined where the client has to try again. @throws {Error} for what it must not say */
const read = async (response: Response, shared: boolean): Promise<unknown> => {
  const body = (await response.json()) as { readonly error?: string }
  if (response.ok) return body
  if (body.error === 'BUSY' || body.error === 'SERVER_STOPS' || (shared && body.error === 'DATABASE_FAILED'))
    return undefined
  throw new Error(`The answer to ${response.url} was ${response.status}: ${JSON.stringify(body)}`)
}

/** The final snapshot, when the run has completed. @throws {Error} when it did not, or something was wrong on the way */
export const seeThrough = async ({ crew, schedule, body, memory, onSeen }: ClientDeps): Promise<RunSnapshot> => {
  const draw = createDraw(schedule.clientSeed)
  const { members } = crew
  const giveUp = Date.now() + ROUND_SECONDS * 1000
  const startElsewhere = Date.now() + STARTER_MS
  // A frozen process looks like a dead one to PostgreSQL: what it had in hand fails when it wakes up.
  const shared = schedule.store === 'postgres'
  let cancelAt: number | undefined
  let last: RunSnapshot | undefined

  const choose = (): Member | undefined => {
    const starter = members[schedule.starter]
    const up = members.filter(member => member.up())
    if (memory.runId === undefined && Date.now() < startElsewhere) return starter?.up() ? starter : undefined
    return up[draw.integer(0, Math.max(0, up.length - 1))]
  }

  const findOrStart = async (ask: Ask): Promise<RunSnapshot | undefined> => {
    const list = (await read(await ask('/api/runs'), shared)) as { readonly runs: RunSnapshot[] } | undefined
    if (list === undefined || list.runs.length > 0) return list?.runs[0]
    const started = await ask('/api/runs', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      // However long it takes: a frozen process would begin with it later, and nobody asked for a second run.
      signal: null
    })
    return (await read(started, shared)) as RunSnapshot | undefined
  }

  /** What was asked for may not be allowed any more by then; that is no news to the client. */
  const tell = async (ask: Ask, what: 'cancel' | 'resume'): Promise<void> => {
    const response = await ask(`/api/runs/${memory.runId}/${what}`, { method: 'POST' })
    if (response.status === 500) throw new Error(`${what} was answered with ${await response.text()}`)
    await response.arrayBuffer()
  }

  const react = async (run: RunSnapshot, member: Member, ask: Ask): Promise<void> => {
    if (run.status === 'running') {
      if (cancelAt === undefined || Date.now() < cancelAt) return
      cancelAt = undefined
      return tell(ask, 'cancel')
    }
    if (run.status === 'interrupted' && schedule.autoResume)
      throw new Error('The run waits for somebody to resume it, although AUTO_RESUME is on')
    // As its page says where tokens got lost: somebody opens it again.
    if (run.status === 'failed') member.leave()
    return tell(await member.enter(), 'resume')
  }

  /** Everybody says that it has completed: nobody works on it any more, also who was frozen and goes on now. */
  const agree = async (): Promise<void> => {
    crew.calm()
    for (const member of members) {
      while (member.up() && Date.now() < giveUp) {
        crew.check()
        const run = await look(member).catch(error => {
          if (!isGone(error)) throw error
        })
        if (run?.status === 'completed') break
        await sleep(LOOK_EVERY_MS)
      }
    }
  }

  const look = async (member: Member): Promise<RunSnapshot | undefined> => {
    const ask = await member.enter()
    return (await read(await ask(`/api/runs/${memory.runId}`), shared)) as RunSnapshot | undefined
  }

  const step = async (member: Member): Promise<void> => {
    const ask = await member.enter()
    if (memory.runId === undefined) {
      memory.runId = (await findOrStart(ask))?.id
      if (memory.runId !== undefined && schedule.cancelAfterMs !== undefined)
        cancelAt = Date.now() + schedule.cancelAfterMs
      return
    }
    last = (await look(member)) ?? last
    if (last === undefined) return
    onSeen(last)
    if (last.status !== 'completed') await react(last, member, ask)
  }

  while (Date.now() < giveUp) {
    crew.check()
    const member = choose()
    if (member !== undefined) {
      await step(member).catch(error => {
        if (!isGone(error)) throw error
      })
    }
    if (last?.status === 'completed') {
      await agree()
      return last
    }
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error(`The round did not end: ${JSON.stringify(last)}`)
}
