// `npm run chaos -- --rounds N --seed S [--replay R] [--report]`: rounds of kills and faults, and their count.
// Must stay true: exits with 1 when any round found a problem; a failing round prints how to play it again.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { type ReportData, renderReport } from './report.ts'
import { playRound, type RoundResult } from './round.ts'

const wholeNumber = z.string().regex(/^\d+$/).transform(Number)
const flags = z
  .object({
    rounds: wholeNumber.default(60),
    seed: wholeNumber.default(1),
    replay: wholeNumber.optional(),
    lanes: wholeNumber.default(2),
    report: z.boolean().default(false)
  })
  .parse(
    parseArgs({
      options: {
        rounds: { type: 'string' },
        seed: { type: 'string' },
        replay: { type: 'string' },
        lanes: { type: 'string' },
        report: { type: 'boolean' }
      }
    }).values
  )

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const roundSeed = (round: number): number => (Math.imul(flags.seed, 1_000_003) + round) >>> 0

const rounds = flags.replay === undefined ? Array.from({ length: flags.rounds }, (_, index) => index) : [flags.replay]
const results: RoundResult[] = []
const waiting = [...rounds]
const lane = async (): Promise<void> => {
  for (let round = waiting.shift(); round !== undefined; round = waiting.shift()) {
    const result = await playRound(roundSeed(round), round)
    results.push(result)
    if (result.problems.length > 0) {
      say(`round ${round} FAILED (${JSON.stringify(result.operation)}): ${result.problems.join('; ')}`)
      say(`  play it again: npm run chaos -- --seed ${flags.seed} --replay ${round}`)
    } else if (results.length % 20 === 0) say(`${results.length} of ${rounds.length} rounds`)
  }
}
await Promise.all(Array.from({ length: Math.max(1, flags.lanes) }, lane))

const sum = (pick: (result: RoundResult) => number): number =>
  results.reduce((total, result) => total + pick(result), 0)
const faults: Record<string, number> = {}
for (const result of results) {
  for (const [kind, count] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + count
}
const failed = results.filter(({ problems }) => problems.length > 0).length
const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')))
const data: ReportData = {
  version,
  seed: flags.seed,
  rounds: results.length,
  failed,
  rows: sum(({ rows }) => rows),
  rejected: sum(({ rejected }) => rejected),
  duplicates: sum(({ duplicates }) => duplicates),
  lost: sum(({ lost }) => lost),
  kills: { SIGKILL: sum(({ kills }) => kills.SIGKILL), SIGTERM: sum(({ kills }) => kills.SIGTERM) },
  faults: Object.fromEntries(Object.entries(faults).sort(([a], [b]) => a.localeCompare(b)))
}
say(
  `${data.rounds} rounds, ${data.kills.SIGKILL} kills, ${data.kills.SIGTERM} stops, ${Object.values(faults).reduce((a, b) => a + b, 0)} faults, ${data.rows} rows: ${data.duplicates} duplicates, ${data.lost} lost, ${failed} rounds failed`
)
if (flags.report) {
  writeFileSync('docs/exactly-once.json', `${JSON.stringify(data, null, 2)}\n`)
  writeFileSync('docs/exactly-once.md', renderReport(data))
}
process.exit(failed > 0 ? 1 : 0)
