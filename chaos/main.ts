// `npm run chaos -- --rounds N --seed S [--replay R] [--store embedded|postgres] [--report]`: rounds of blows and faults, and their count.
// Must stay true: exits with 1 when any round found a problem; a failing round prints how to play it again; nothing that it started is left behind.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { type Cluster, startCluster } from './cluster.ts'
import { type ReportData, renderReport } from './report.ts'
import { playRound, type RoundResult } from './round.ts'
import { drawSchedule } from './schedule.ts'
import { killServers } from './server-process.ts'
import { describeTally, tally } from './tally.ts'

const wholeNumber = z.string().regex(/^\d+$/).transform(Number)
const flags = z
  .object({
    rounds: wholeNumber.default(60),
    seed: wholeNumber.default(1),
    replay: wholeNumber.optional(),
    lanes: wholeNumber.default(2),
    /** Of these rounds only those on this store. */
    store: z.enum(['embedded', 'postgres']).optional(),
    report: z.boolean().default(false)
  })
  .refine(({ report, store, replay }) => !report || (store === undefined && replay === undefined), {
    error: 'A report is about all rounds: not with --store or --replay'
  })
  .parse(
    parseArgs({
      options: {
        rounds: { type: 'string' },
        seed: { type: 'string' },
        replay: { type: 'string' },
        lanes: { type: 'string' },
        store: { type: 'string' },
        report: { type: 'boolean' }
      }
    }).values
  )

/** Rounds on PostgreSQL mostly wait for a dead process's lease to lapse: they run beside the others, and more at a time. */
const WAITING_LANES = 4

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const roundSeed = (round: number): number => (Math.imul(flags.seed, 1_000_003) + round) >>> 0
const storeOf = (round: number) => drawSchedule(roundSeed(round), round).store

const rounds = (
  flags.replay === undefined ? Array.from({ length: flags.rounds }, (_, index) => index) : [flags.replay]
).filter(round => flags.store === undefined || storeOf(round) === flags.store)
const waiting = {
  embedded: rounds.filter(round => storeOf(round) === 'embedded'),
  postgres: rounds.filter(round => storeOf(round) === 'postgres')
}

const place = mkdtempSync(join(tmpdir(), 'bitrixcorp-chaos-'))
let cluster: Promise<Cluster> | undefined
const cleanUp = async (): Promise<void> => {
  leaving = true
  killServers()
  await cluster?.then(
    started => started.stop(),
    () => undefined
  )
}
process.once('exit', () => {
  killServers() // also what a round started while the rest was ended
  rmSync(place, { recursive: true, force: true, maxRetries: 3 })
})
const interrupted = new Promise<false>(resolve => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(false))
})
let leaving = false

const results: RoundResult[] = []
const tell = (result: RoundResult): void => {
  if (leaving) return // its processes were taken away from it
  const { round, operation, store, problems } = result
  results.push(result)
  if (problems.length > 0) {
    say(`round ${round} FAILED (${store}, ${JSON.stringify(operation)}): ${problems.join('; ')}`)
    say(`  play it again: npm run chaos -- --seed ${flags.seed} --replay ${round}`)
  } else if (results.length % 20 === 0) say(`${results.length} of ${rounds.length} rounds`)
}

const runLane = async (queue: number[]): Promise<void> => {
  for (let round = queue.shift(); round !== undefined; round = queue.shift())
    tell(await playRound(roundSeed(round), round, { place, cluster: await cluster }))
}
const runLanes = (queue: number[], count: number): Promise<void>[] =>
  Array.from({ length: count }, () => runLane(queue))

const main = async (): Promise<boolean> => {
  if (waiting.postgres.length > 0) cluster = startCluster()
  await cluster?.catch(error => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${waiting.postgres.length} of ${rounds.length} rounds run on PostgreSQL. ${reason}`, {
      cause: error
    })
  })
  await Promise.all([
    ...runLanes(waiting.embedded, Math.max(1, flags.lanes)),
    ...runLanes(waiting.postgres, WAITING_LANES)
  ])
  const sums = tally(results)
  say(describeTally(sums))
  if (flags.report) {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')))
    const data: ReportData = { version, seed: flags.seed, ...sums }
    writeFileSync('docs/exactly-once.json', `${JSON.stringify(data, null, 2)}\n`)
    writeFileSync('docs/exactly-once.md', renderReport(data))
  }
  return sums.failed === 0
}

const passed = await Promise.race([main(), interrupted]).catch(error => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  return false
})
await cleanUp()
process.exit(passed ? 0 : 1)
