// One round: a portal, a server process that is killed again and again, one operation to its end, and the count.
// Must stay true: a round is reproducible from its seed and number; it ends, or says why it did not.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createEmulatedPortal, type EmulatedPortal } from '../emulator/emulated-portal.ts'
import type { Rejection, RunEvent, RunSnapshot } from '../server/core/run.ts'
import { openDatabase } from '../server/store/database.ts'
import { createJournal } from '../server/store/journal.ts'
import { drawSchedule, type Kill, REQUEST_SECONDS, type Schedule } from './schedule.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'
import { foreignIds, type Verdict, verifyRound } from './verify.ts'

/** A round that has not ended by then has failed. */
const ROUND_SECONDS = 60
/** After this many lives, or seconds, the portal gets well, so that the run can end. */
const SICK_LIVES = 4
const SICK_SECONDS = 4

export interface RoundResult {
  readonly seed: number
  readonly round: number
  readonly operation: Schedule['operation']
  readonly problems: readonly string[]
  readonly rows: number
  readonly duplicates: number
  readonly lost: number
  readonly rejected: number
  readonly kills: { readonly SIGKILL: number; readonly SIGTERM: number }
  readonly faults: { readonly [kind: string]: number }
}

const json = async (response: Response): Promise<Record<string, unknown>> =>
  (await response.json()) as Record<string, unknown>

/** Adds foreign records; their ids. */
const addForeign = (portal: EmulatedPortal, count: number): string[] => {
  const before = new Set(foreignIds(portal))
  portal.state.seed({ companies: count, contacts: count })
  return foreignIds(portal).filter(id => !before.has(id))
}

const addOurs = (portal: EmulatedPortal, count: number): void => {
  if (count > 0) portal.state.seed({ companies: count, contacts: count, originatorId: 'BITRIXCORP' })
}

const body = ({ operation }: Schedule, portal: EmulatedPortal): Record<string, unknown> =>
  operation.kind === 'create'
    ? { kind: 'create', companies: operation.companies, contacts: operation.contacts, seed: 1, locale: 'ru' }
    : { kind: 'clear', scope: operation.scope, confirm: portal.host }

/** Drives one life of the process: until the run has ended in it, or the process has. */
const live = async (
  server: ServerProcess,
  portal: EmulatedPortal,
  schedule: Schedule,
  life: number,
  memory: { runId: string | undefined; late: string[] | undefined }
): Promise<RunSnapshot | undefined> => {
  const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(`${server.origin}${path}`, init)
  try {
    const runs = (await json(await ask('/api/runs')))['runs'] as RunSnapshot[]
    let run = runs[0]
    memory.runId = run?.id
    if (run === undefined) {
      const started = await ask('/api/runs', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body(schedule, portal))
      })
      // A process id that another process has got meanwhile looks alive: its lease has to lapse first.
      if (started.status === 409) return undefined
      if (started.status !== 202) throw new Error(`The run was not started: ${await started.text()}`)
      run = (await started.json()) as RunSnapshot
      memory.runId = run.id
    }
    let cancelAt = life === 0 && schedule.cancelAfterMs !== undefined ? Date.now() + schedule.cancelAfterMs : undefined
    const giveUp = Date.now() + ROUND_SECONDS * 1000
    while (Date.now() < giveUp) {
      run = (await (await ask(`/api/runs/${memory.runId}`)).json()) as RunSnapshot
      if (run.status === 'completed') return run
      if (run.total > 0 && memory.late === undefined) memory.late = addForeign(portal, schedule.lateCanaries)
      if (run.status !== 'running') await ask(`/api/runs/${memory.runId}/resume`, { method: 'POST' })
      else if (cancelAt !== undefined && Date.now() >= cancelAt) {
        cancelAt = undefined
        await ask(`/api/runs/${memory.runId}/cancel`, { method: 'POST' })
      }
      await sleep(30)
    }
    throw new Error(`The round did not end: ${JSON.stringify(run)}`)
  } catch (error) {
    if (error instanceof TypeError) return undefined // fetch: the process died
    throw error
  }
}

const rejectionsIn = async (dataDir: string, runId: string): Promise<{ events: RunEvent[]; rejected: Rejection[] }> => {
  const db = await openDatabase({ dataDir })
  try {
    const events: RunEvent[] = []
    for await (const event of createJournal(db).events(runId)) events.push(event)
    const rejected = events.flatMap(event =>
      event.type === 'batch.settled' || event.type === 'rows.rejected' ? event.rejected : []
    )
    return { events, rejected }
  } finally {
    await db.destroy()
  }
}

const arm = (server: ServerProcess, kill: Kill | undefined): NodeJS.Timeout | undefined => {
  if (kill === undefined || kill.by === 'commit') return undefined
  return setTimeout(() => server.signal(kill.by), kill.afterMs)
}

/** @throws never for what the round finds: problems are in the result */
export const playRound = async (seed: number, round: number): Promise<RoundResult> => {
  const schedule = drawSchedule(seed, round)
  const dataDir = await mkdtemp(join(tmpdir(), 'bitrixcorp-chaos-'))
  const portal = await createEmulatedPortal({
    requestSeconds: REQUEST_SECONDS,
    speed: { commandMs: schedule.commandMs, workers: schedule.workers },
    bucket: { drainPerSecond: 40, size: 100 }
  })
  const canaries = addForeign(portal, schedule.canaries)
  if (schedule.operation.kind === 'clear') addOurs(portal, schedule.operation.ours)
  const before = {
    foreign: canaries.length,
    ours: schedule.operation.kind === 'clear' ? schedule.operation.ours * 2 : 0
  }
  portal.faults.random(schedule.odds, schedule.faultSeed)
  const well = setTimeout(() => portal.faults.clear(), SICK_SECONDS * 1000)
  const memory: { runId: string | undefined; late: string[] | undefined } = { runId: undefined, late: undefined }
  const kills = { SIGKILL: 0, SIGTERM: 0 }
  const problems: string[] = []
  let verdict: Verdict = { problems: [], duplicates: 0, lost: 0, rows: 0 }
  let rejected: Rejection[] = []
  try {
    let final: RunSnapshot | undefined
    for (let life = 0; final === undefined && life < schedule.kills.length + 40; life += 1) {
      if (life === SICK_LIVES) portal.faults.clear()
      const kill = schedule.kills[life]
      const server = await startServerProcess(
        {
          PORT: '0',
          DATA_DIR: dataDir,
          BITRIX_WEBHOOK_URL: portal.webhookUrl,
          BITRIX_REQUEST_SECONDS: String(REQUEST_SECONDS),
          BITRIX_RATE: '40',
          BITRIX_BURST: '100',
          LOG_LEVEL: 'error'
        },
        kill
      )
      if (server === undefined) {
        kills.SIGKILL += 1
        continue
      }
      const timer = arm(server, kill)
      try {
        final = await live(server, portal, schedule, life, memory)
        if (final === undefined && kill !== undefined) kills[kill.by === 'SIGTERM' ? 'SIGTERM' : 'SIGKILL'] += 1
        if (final === undefined && kill === undefined && !server.alive())
          problems.push(`the process died by itself:\n${server.output()}`)
      } finally {
        clearTimeout(timer)
        await server.stop()
      }
    }
    if (final === undefined || memory.runId === undefined) problems.push('the run never completed')
    else {
      rejected = (await rejectionsIn(dataDir, memory.runId)).rejected
      const kept = schedule.operation.kind === 'clear' && schedule.operation.scope === 'all' ? [] : canaries
      verdict = verifyRound(portal, schedule.operation, final, {
        rejected: new Set(rejected.map(({ row }) => row)),
        before,
        canaries: [...kept, ...(memory.late ?? [])]
      })
    }
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
    if (memory.runId !== undefined) {
      const { events } = await rejectionsIn(dataDir, memory.runId)
      problems.push(
        `the end of its journal:\n${events
          .slice(-12)
          .map(event => JSON.stringify(event))
          .join('\n')}`
      )
    }
  } finally {
    clearTimeout(well)
    await portal.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  return {
    seed,
    round,
    operation: schedule.operation,
    problems: [...problems, ...verdict.problems],
    rows: verdict.rows,
    duplicates: verdict.duplicates,
    lost: verdict.lost,
    rejected: rejected.length,
    kills,
    faults: { ...portal.faults.log.counts }
  }
}
