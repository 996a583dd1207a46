// One round: a portal, a store, server processes that are struck again and again, one operation to its end, and the count.
// Must stay true: a round is drawn from its seed and number; it ends, or says why it did not.
import type { EmulatedPortal } from '../emulator/emulated-portal.ts'
import type { RunSnapshot } from '../server/core/run/run.ts'
import { type Memory, seeThrough } from './client.ts'
import type { Cluster } from './cluster.ts'
import { type Blows, startCrew } from './crew.ts'
import { openDoor } from './door.ts'
import { drawSchedule, REQUEST_SECONDS, type Schedule } from './schedule.ts'
import { openStore, readJournal, seeRecounted } from './store.ts'
import { countedTwice, foreignIds, type Verdict, verifyRound } from './verify.ts'

/** After so many lives of its processes, or seconds, the portal gets well, so that the run can end. On PostgreSQL a dead one's lease is waited for. */
const SICK = { embedded: { lives: 4, seconds: 4 }, postgres: { lives: 6, seconds: 25 } }

export interface RoundResult {
  readonly round: number
  readonly operation: Schedule['operation']
  readonly door: Schedule['door']
  readonly store: Schedule['store']
  readonly problems: readonly string[]
  readonly rows: number
  readonly duplicates: number
  readonly lost: number
  readonly rejected: number
  readonly blows: Blows
  /** Runs taken over from a process that left no end of them, where several share a database. */
  readonly takeovers: number
  readonly droppedConnections: number
  readonly faults: { readonly [kind: string]: number }
}

export interface RoundDeps {
  /** A folder for what the round stores. */
  readonly place: string
  readonly cluster: Cluster | undefined
}

/** Adds foreign records; their ids. */
const addForeign = (portal: EmulatedPortal, count: number): string[] => {
  const before = new Set(foreignIds(portal))
  portal.state.seed({ companies: count, contacts: count })
  return foreignIds(portal).filter(id => !before.has(id))
}

const addOurs = (portal: EmulatedPortal, count: number): void => {
  if (count > 0) portal.state.seed({ companies: count, contacts: count, originatorId: 'BITRIXCORP' })
}

const bodyOf = ({ operation }: Schedule, portal: EmulatedPortal): Record<string, unknown> =>
  operation.kind === 'create'
    ? { kind: 'create', companies: operation.companies, contacts: operation.contacts, seed: 1, locale: 'ru' }
    : { kind: 'clear', scope: operation.scope, confirm: portal.host }

const NOTHING: Verdict = { problems: [], duplicates: 0, lost: 0, rows: 0 }

/** @throws never for what the round finds: problems are in the result */
export const playRound = async (seed: number, round: number, { place, cluster }: RoundDeps): Promise<RoundResult> => {
  const schedule = drawSchedule(seed, round)
  const { operation } = schedule
  const store = await openStore(schedule.store, place, cluster)
  const door = await openDoor(schedule.door, {
    requestSeconds: REQUEST_SECONDS,
    speed: { commandMs: schedule.commandMs, workers: schedule.workers },
    bucket: { drainPerSecond: 40, size: 100 }
  })
  const { portal } = door
  const canaries = addForeign(portal, schedule.canaries)
  const ours = operation.kind === 'clear' ? operation.ours : 0
  addOurs(portal, ours)
  portal.faults.random(schedule.odds, schedule.faultSeed)

  let droppedConnections = 0
  const drop = async (): Promise<void> => {
    droppedConnections += await store.dropConnections()
  }
  const sick = [
    setInterval(door.expire, schedule.expireEveryMs ?? 2 ** 31 - 1),
    setInterval(() => drop().catch(error => problems.push(String(error))), schedule.dropEveryMs ?? 2 ** 31 - 1)
  ]
  const getWell = (): void => {
    portal.faults.clear()
    sick.forEach(clearInterval)
  }
  const well = setTimeout(getWell, SICK[schedule.store].seconds * 1000)
  let starts = 0
  const onStart = (): void => {
    starts += 1
    if (starts > SICK[schedule.store].lives) getWell()
  }

  const problems: string[] = []
  const memory: Memory = {}
  let late: string[] | undefined
  /** Foreign records that appear while the run is on stay, whatever it does. */
  const onSeen = ({ total }: RunSnapshot): void => {
    if (total > 0) late ??= addForeign(portal, schedule.lateCanaries)
  }
  const crew = startCrew(schedule, door, store, onStart)
  let verdict = NOTHING
  let rejections = 0
  let takeovers = 0
  try {
    const final = await seeThrough({ crew, schedule, body: bodyOf(schedule, portal), memory, onSeen })
    // What hung on the way may have been carried out since.
    if (!(await seeRecounted(store.storage, final.id))) problems.push('the run was not counted once more')
    await crew.end()
    takeovers = await store.takeovers()
    const { rejected, events } = await readJournal(store.storage, final.id)
    rejections = rejected.length
    const kept = operation.kind === 'clear' && operation.scope === 'all' ? [] : canaries
    verdict = verifyRound(portal, operation, final, {
      rejected: new Set(rejected.map(({ row }) => row)),
      before: { foreign: canaries.length, ours: ours * 2 },
      canaries: [...kept, ...(late ?? [])]
    })
    if (operation.kind === 'create') problems.push(...countedTwice(events))
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
    await crew.end()
    if (memory.runId !== undefined) {
      const { events } = await readJournal(store.storage, memory.runId)
      const end = events.slice(-12).map(event => JSON.stringify(event))
      problems.push(`the end of its journal:\n${end.join('\n')}`)
    }
  } finally {
    clearTimeout(well)
    sick.forEach(clearInterval)
    await door.close()
    await store.remove()
  }
  return {
    round,
    operation,
    door: schedule.door,
    store: schedule.store,
    problems: [...problems, ...verdict.problems],
    rows: verdict.rows,
    duplicates: verdict.duplicates,
    lost: verdict.lost,
    rejected: rejections,
    blows: crew.blows,
    takeovers,
    droppedConnections,
    faults: { ...portal.faults.log.counts }
  }
}
