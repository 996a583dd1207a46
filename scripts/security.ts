// Runs the tests that try attacks and faults, area by area, and writes docs/security.md from what they have shown.
// Must stay true: a file named as an argument is run alone, and rows of files that were not run stay as they were seen before.
//   npm run security [-- <test file>…]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { AREAS } from '../test/support/attacks.ts'
import { readPage, rowKey, type Seen, writePage } from '../test/support/security-page.ts'
import { titleOf, titlesOf } from '../test/support/test-titles.ts'

const PAGE = 'docs/security.md'
const HEAD = 'test/support/security-head.md'
const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() }))
    })
  )
})

const all = AREAS.flatMap(({ files }) => files)
const named = process.argv.slice(2)
const unknown = named.filter(file => !all.includes(file))
if (unknown.length > 0) {
  console.error(`Not in test/support/attacks.ts: ${unknown.join(', ')}`)
  process.exit(2)
}

const titles = new Map(all.map(file => [file, titlesOf(readFileSync(file, 'utf8'))]))
const results = existsSync(PAGE) ? readPage(readFileSync(PAGE, 'utf8')) : new Map<string, Seen>()
const problems: string[] = []

/** What Vitest says of these files; one at a time, so that they do not slow each other down. */
const run = (files: readonly string[]): z.infer<typeof Report> => {
  const folder = mkdtempSync(join(tmpdir(), 'security-'))
  const report = join(folder, 'report.json')
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--no-file-parallelism', '--reporter=json']
  spawnSync(process.execPath, [...vitest, `--outputFile=${report}`, ...files], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  const text = existsSync(report) ? readFileSync(report, 'utf8') : '{"testResults":[]}'
  rmSync(folder, { recursive: true })
  return Report.parse(JSON.parse(text))
}

/** Puts what one file has shown in place of what was seen of it before. */
const note = (file: string, shown: readonly { fullName: string; status: string }[]): void => {
  const rows = titles.get(file) ?? []
  for (const title of rows) results.set(rowKey(file, title), { passed: 0, tried: 0 })
  for (const { fullName, status } of shown) {
    const title = titleOf(rows, fullName)
    if (title === undefined) throw new Error(`${file}: no title in the source is that of "${fullName}"`)
    const { passed, tried } = results.get(rowKey(file, title)) ?? { passed: 0, tried: 0 }
    results.set(rowKey(file, title), { passed: passed + (status === 'passed' ? 1 : 0), tried: tried + 1 })
    if (status !== 'passed') problems.push(`${status}: ${file}: ${fullName}`)
  }
  for (const title of rows)
    if (results.get(rowKey(file, title))?.tried === 0) problems.push(`not tried: ${file}: ${title}`)
}

for (const { area, files } of AREAS) {
  const due = named.length === 0 ? files : files.filter(file => named.includes(file))
  if (due.length === 0) continue
  const { testResults } = run(due)
  for (const file of due) {
    const found = testResults.find(({ name }) => relative(process.cwd(), name) === file)
    if (found === undefined || found.message !== '') problems.push(`${file}: ${found?.message ?? 'did not run'}`)
    note(file, found?.assertionResults ?? [])
  }
  writeFileSync(PAGE, writePage(readFileSync(HEAD, 'utf8'), AREAS, titles, results))
  console.log(`${area}: ${due.length} files`)
}
for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
