// BitrixCorp's own cost: processor time, memory, event-loop delay, readers and latency, measured at the built server.
// Must stay true: a number says where it comes from; a goal that is missed is printed as missed.

import {
  type CrowdCost,
  type LatencyCost,
  measureCrowd,
  measureRuns,
  measureVisits,
  type RunCost,
  type RunsCost,
  type VisitCost
} from './cost-phases.ts'
import { startPortalProcess } from './portal.ts'

export interface CostSize {
  readonly small: number
  readonly large: number
  readonly clients: number
  /** Rows of the run that clients and a visitor see. */
  readonly watched: number
}

/** The goals hold for these. */
export const FULL: CostSize = { small: 20_000, large: 200_000, clients: 1000, watched: 10_000 }
/** To see that it works. */
export const QUICK: CostSize = { small: 2000, large: 20_000, clients: 100, watched: 4000 }

export interface Goal {
  readonly what: string
  readonly goal: string
  readonly measured: string
  readonly met: boolean
}

export interface Cost {
  readonly size: CostSize
  readonly small: RunsCost
  readonly large: RunsCost
  readonly crowd: CrowdCost
  readonly visits: VisitCost
  readonly goals: readonly Goal[]
}

const PEAK_MB = 150
const GROWTH_MB = 20
const LOOP_DELAY_MS = 50
const SNAPSHOTS_PER_SECOND = 10

const highestOf = ({ create, clear }: RunsCost): number => Math.max(create.peakMB, clear.peakMB)

const goalsOf = ({ small, large, crowd, visits }: Omit<Cost, 'goals'>): Goal[] => {
  const under = (what: string, measured: number, limit: number, unit: string): Goal => ({
    what,
    goal: `< ${limit} ${unit}`,
    measured: `${measured.toFixed(1)} ${unit}`,
    met: measured < limit
  })
  const runs = [small.create, small.clear, large.create, large.clear, visits.run]
  const most = Math.max(crowd.snapshotsPerSecond.most, ...runs.map(run => run.snapshotsPerSecond))
  return [
    under(`peak memory, ${large.create.rows} rows`, highestOf(large), PEAK_MB, 'MB'),
    under(
      `growth from ${small.create.rows} to ${large.create.rows} rows`,
      highestOf(large) - highestOf(small),
      GROWTH_MB,
      'MB'
    ),
    // Flat out the loop has no pause at all: that delay is printed, but says nothing of a run over a real portal.
    under('event-loop delay p99, steady run', visits.run.loopDelayMs.p99, LOOP_DELAY_MS, 'ms'),
    under(`event-loop delay p99, ${crowd.clients} readers`, crowd.loopDelayMs.p99, LOOP_DELAY_MS, 'ms'),
    {
      what: 'readers that reach done',
      goal: `${crowd.clients}`,
      measured: `${crowd.reachedDone}`,
      met: crowd.reachedDone === crowd.clients
    },
    {
      what: 'snapshots per reader and second, at most',
      goal: `<= ${SNAPSHOTS_PER_SECOND}`,
      measured: most.toFixed(2),
      met: most <= SNAPSHOTS_PER_SECOND
    }
  ]
}

/** The portal has a process of its own. */
export const measureCost = async (size: CostSize): Promise<Cost> => {
  const portal = startPortalProcess()
  try {
    const small = await measureRuns(portal, size.small)
    const large = await measureRuns(portal, size.large)
    const crowd = await measureCrowd(portal, size.clients, size.watched)
    const visits = await measureVisits(portal, size.watched)
    const measured = { size, small, large, crowd, visits }
    return { ...measured, goals: goalsOf(measured) }
  } finally {
    portal.end()
  }
}

const runLine = (run: RunCost): string =>
  [
    `  ${run.kind.padEnd(6)}`,
    String(run.rows).padStart(7),
    `${run.seconds.toFixed(1)} s`.padStart(7),
    `${(run.rows / run.seconds).toFixed(0)} rows/s`.padStart(12),
    `${run.requests} requests`.padStart(15),
    `${(run.cpuSecondsPer1000Rows * 1000).toFixed(0)} ms CPU per 1,000 rows`.padStart(27),
    `peak ${run.peakMB.toFixed(0)} MB, ${run.neededMB.toFixed(0)} still needed`,
    `${run.snapshotsPerSecond.toFixed(1)} snapshots/s`,
    `loop delay p50 ${run.loopDelayMs.p50.toFixed(1)}, p99 ${run.loopDelayMs.p99.toFixed(1)}, max ${run.loopDelayMs.max.toFixed(1)} ms`
  ].join('  ')

const crowdLines = (crowd: CrowdCost): string[] => [
  `  ${crowd.reachedDone} of ${crowd.clients} reached done; first ${crowd.doneMs.first} ms, last ${crowd.doneMs.last} ms after the run's end`,
  `  memory per reader: ${crowd.heapKBPerClient.toFixed(1)} KB still needed, ${crowd.residentKBPerClient.toFixed(1)} KB resident at the peak`,
  `  snapshots per reader and second: mean ${crowd.snapshotsPerSecond.mean.toFixed(2)}, most ${crowd.snapshotsPerSecond.most.toFixed(2)}`,
  `  loop delay p50 ${crowd.loopDelayMs.p50.toFixed(1)}, p99 ${crowd.loopDelayMs.p99.toFixed(1)}, max ${crowd.loopDelayMs.max.toFixed(1)} ms`
]

const latencyLine = ({ path, idleMs, busyMs }: LatencyCost): string =>
  [
    `  GET ${path}`.padEnd(32),
    `idle p50 ${idleMs.p50.toFixed(1)}, p99 ${idleMs.p99.toFixed(1)} ms (${idleMs.count} times)`.padEnd(44),
    `during a run p50 ${busyMs.p50.toFixed(1)}, p99 ${busyMs.p99.toFixed(1)} ms (${busyMs.count} times)`
  ].join('')

/** What was measured, what it means, and which goals are met. */
export const costLines = ({ small, large, crowd, visits, goals }: Cost): string[] => [
  'Own cost: the built server in its own process, its journal on disk; the portal in another, without limits.',
  `Flat out: the portal needs no time for a command, so both processes are as busy as they can be. Idle: ${small.idleMB.toFixed(0)} MB.`,
  ...[small.create, small.clear, large.create, large.clear].map(runLine),
  'Steady: a portal that takes 80 ms a command, at most 800 rows a second.',
  runLine(visits.run),
  `${crowd.clients} readers on one such run:`,
  ...crowdLines(crowd),
  'A visitor, one request after another; the portal answers lists at once (a page is four requests, a table two, /health none):',
  ...visits.latency.map(latencyLine),
  'Goals:',
  ...goals.map(
    ({ what, goal, measured, met }) =>
      `  ${met ? 'met   ' : 'MISSED'}  ${what.padEnd(42)} ${goal.padEnd(10)} ${measured}`
  )
]

/** docs/cost.md. */
export const renderCost = (measured: Cost & { readonly machine: string }): string => `# Own cost, measured

Generated by \`npm run bench -- --cost\` from [cost.json](../bench/cost.json). Do not edit: a test compares the two. Machine: ${measured.machine}.

\`\`\`text
${costLines(measured).join('\n')}
\`\`\`
`
