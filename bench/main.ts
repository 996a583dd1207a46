// `npm run bench`: measures BitrixCorp against the lower bound and against the known ways; writes bench/results.json.
// `-- --quick`: a few scenarios, nothing written. `-- --cost`: our own memory, processor time and delays instead; writes bench/cost.json.
// Must stay true: every number in the README comes from that file; all sides meet the same portal, one after another.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { lowerBound } from './bound.ts'
import type { Contender, Settings, Work } from './contender.ts'
import { costLines, FULL, measureCost, QUICK, renderCost } from './cost.ts'
import { findFastBitrix24 } from './fast-bitrix24.ts'
import { ours } from './ours.ts'
import { type BenchPortal, startPortalProcess } from './portal.ts'
import { renderSpeed } from './report.ts'
import { batchByChunk, oneAfterAnother } from './sdk.ts'

const { quick, cost } = z
  .object({ quick: z.boolean().default(false), cost: z.boolean().default(false) })
  .parse(parseArgs({ options: { quick: { type: 'boolean' }, cost: { type: 'boolean' } } }).values)

/** Bitrix24's standard plan and 40 ms to the portal; times and rates are divided and multiplied by a scenario's scale. */
const LATENCY_MS = 40
const RATE = 2
const BURST = 50

interface Scenario {
  readonly rows: number
  readonly commandMs: number
  readonly workers: number
  /** All times are divided by it, and rates multiplied. */
  readonly scale: number
  /** The portal counts operating time: 480 s of each method in 600 s. */
  readonly operating?: true
  /** The known ways run here too. */
  readonly compare?: true
  /** Every tenth record is gone before the clear run: its ids have to be listed. */
  readonly gaps?: true
}

interface Row extends Scenario {
  readonly kind: Work['kind']
  readonly contender: string
  /** 1: nothing is known of the portal; 2: right afterwards, in the same process. */
  readonly turn: number
  readonly seconds: number
  readonly boundSeconds: number
  /** bound / measured: 1 is perfect. */
  readonly ratio: number
  readonly requests: number
  /** 503 answers. */
  readonly refused: number
  /** Commands refused for their method's operating time. */
  readonly limited: number
}

/** A run is scaled down to about so many seconds: our own milliseconds are not scaled, and a large run has more of them. */
const SECONDS = 5
const SECONDS_OF_A_LARGE_ONE = 10
const LARGE = 10_000
const at = (rows: number, commandMs: number, workers: number): Scenario => {
  const seconds = lowerBound({
    rows,
    workers,
    commandSeconds: commandMs / 1000,
    latencySeconds: LATENCY_MS / 1000,
    burst: BURST,
    rate: RATE
  })
  const most = rows < LARGE ? SECONDS : SECONDS_OF_A_LARGE_ONE
  return { rows, commandMs, workers, scale: Math.max(1, Math.round(seconds / most)) }
}
const grid = (rows: number): Scenario[] =>
  [30, 80, 300].flatMap(commandMs => [4, 8, 32].map(workers => at(rows, commandMs, workers)))
const scenarios: Scenario[] = [
  ...grid(200),
  ...grid(2000),
  // One for each limit that decides: the bucket, the workers, both.
  at(10_000, 30, 32),
  at(10_000, 80, 8),
  at(10_000, 300, 32),
  { rows: 8000, commandMs: 300, workers: 8, scale: 40, operating: true },
  ...[at(2000, 30, 32), at(2000, 80, 32), at(2000, 80, 8)].map(scenario => ({ ...scenario, gaps: true }) as const),
  // The known ways are slow.
  { rows: 200, commandMs: 80, workers: 32, scale: 2, compare: true },
  { rows: 2000, commandMs: 80, workers: 32, scale: 4, compare: true }
]
const chosen = quick ? scenarios.filter(({ rows, commandMs }) => rows <= 2000 && commandMs === 80) : scenarios

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const measure = async (
  portal: BenchPortal,
  contender: Contender,
  scenario: Scenario,
  turns: number
): Promise<Row[]> => {
  const { commandMs, workers, scale, operating, gaps } = scenario
  const settings: Settings = { rate: RATE * scale, burst: BURST, requestSeconds: 60 / scale }
  const webhookUrl = await portal.open({
    requestSeconds: settings.requestSeconds,
    speed: { commandMs: commandMs / scale, latencyMs: LATENCY_MS / scale, workers },
    bucket: { drainPerSecond: settings.rate, size: BURST },
    operating:
      operating === undefined
        ? { on: false }
        : { limitSeconds: 480 / scale, windowSeconds: 600 / scale, banSeconds: 300 / scale, ignoreUpToSeconds: 0 }
  })
  const boundOf = ({ kind, rows }: Work): number =>
    lowerBound({
      rows,
      commandSeconds: commandMs / 1000 / scale,
      workers,
      latencySeconds: LATENCY_MS / 1000 / scale,
      burst: BURST,
      rate: settings.rate,
      ...(operating === undefined ? {} : { operating: { limit: 480 / scale, window: 600 / scale, methods: 2 } }),
      ...(kind === 'clear' ? { look: true } : {})
    })
  const held = async (): Promise<number> => {
    const { companies, contacts } = await portal.stats()
    return companies + contacts
  }
  const found: Row[] = []
  const opened = await contender.open(webhookUrl, settings)
  for (let turn = 1; turn <= turns; turn += 1) {
    for (const kind of ['create', 'clear'] as const) {
      if (kind === 'clear' && gaps) await portal.thin()
      const rows = kind === 'create' ? scenario.rows : await held()
      // Whatever was used up before does not count, there and here.
      await portal.reset()
      await opened.rest()
      const before = await portal.stats()
      const start = performance.now()
      await opened.run({ kind, rows })
      const seconds = (performance.now() - start) / 1000
      const after = await portal.stats()
      const left = await held()
      if (left !== (kind === 'create' ? rows : 0))
        throw new Error(`${contender.name} left ${left} records after ${kind} ${rows}`)
      found.push({
        ...scenario,
        kind,
        contender: contender.name,
        turn,
        seconds,
        boundSeconds: boundOf({ kind, rows }),
        ratio: boundOf({ kind, rows }) / seconds,
        requests: after.requests - before.requests,
        refused: after.refused - before.refused,
        limited: after.limited - before.limited
      })
    }
  }
  await opened.close()
  await portal.closePortal()
  return found
}

const print = (row: Row): void =>
  say(
    [
      row.contender.padEnd(30),
      `${row.kind} ${row.turn}`.padEnd(8),
      String(row.rows).padStart(6),
      `${row.commandMs} ms`.padStart(7),
      `${row.workers} w`.padStart(5),
      `${row.seconds.toFixed(2)} s`.padStart(10),
      `bound ${row.boundSeconds.toFixed(2)} s`.padStart(14),
      `ratio ${row.ratio.toFixed(3)}`,
      `${row.requests} requests`,
      `${row.refused} × 503`,
      `${row.limited} × 429`
    ].join('  ')
  )

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}`
if (cost) {
  const measured = { machine, ...(await measureCost(quick ? QUICK : FULL)) }
  for (const line of costLines(measured)) say(line)
  if (!quick) {
    writeFileSync('bench/cost.json', `${JSON.stringify(measured, null, 2)}\n`)
    writeFileSync('docs/cost.md', renderCost(measured))
  }
  process.exit(0)
}
const fastBitrix24 = findFastBitrix24()
if (fastBitrix24 === undefined) say('fast_bitrix24 is not installed here: not measured')
const known = [oneAfterAnother, batchByChunk, ...(fastBitrix24 === undefined ? [] : [fastBitrix24])]
const portal = startPortalProcess()
const results: Row[] = []
try {
  for (const scenario of chosen) {
    for (const row of await measure(portal, ours, scenario, scenario.operating || scenario.gaps ? 1 : 2)) {
      results.push(row)
      print(row)
    }
    if (scenario.compare) {
      for (const contender of known) {
        for (const row of await measure(portal, contender, scenario, 1)) {
          results.push(row)
          print(row)
        }
      }
    }
  }
} finally {
  portal.end()
}
if (!quick) {
  writeFileSync('bench/results.json', `${JSON.stringify({ machine, results }, null, 2)}\n`)
  writeFileSync('docs/speed.md', renderSpeed({ machine, results }))
}
