// docs/security.md as text: a row for each test that tries an attack or a fault, and what was seen of it.
// Must stay true: what is written can be read back; nothing is said to have held that no run has shown.
import type { Area } from './attacks.ts'

/** How many of the tests of one title a run has seen, and how many of them passed. */
export interface Seen {
  readonly passed: number
  readonly tried: number
}

/** What was seen, by `rowKey`. */
export type Results = ReadonlyMap<string, Seen>

const ROW = /^\| (.*) \| \[.*\]\(\.\.\/(.*)\) \| (.*) \|$/gm

export const rowKey = (file: string, title: string): string => `${file} | ${title}`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
const uncell = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('\\|', '|')

const verdict = (seen: Seen | undefined): string => {
  if (seen === undefined || seen.tried === 0) return 'not tried'
  if (seen.tried === 1) return seen.passed === 1 ? 'held' : 'did not hold'
  return `${seen.passed === seen.tried ? 'held' : 'did not hold'}, ${seen.passed} of ${seen.tried}`
}

const seenIn = (text: string): Seen => {
  const [, passed, tried] = / (\d+) of (\d+)$/.exec(text) ?? []
  if (passed !== undefined) return { passed: Number(passed), tried: Number(tried) }
  return { passed: text === 'held' ? 1 : 0, tried: text === 'not tried' ? 0 : 1 }
}

/** What a page says, in its order. */
export const readPage = (page: string): Map<string, Seen> =>
  new Map(
    Array.from(page.matchAll(ROW), ([, title = '', file = '', text = '']) => [
      rowKey(file, uncell(title)),
      seenIn(text)
    ])
  )

const total = (results: Results, keys: readonly string[]): string => {
  const seen = keys.map(key => results.get(key) ?? { passed: 0, tried: 0 })
  const passed = seen.reduce((sum, one) => sum + one.passed, 0)
  const tried = seen.reduce((sum, one) => sum + one.tried, 0)
  const missing = seen.filter(one => one.tried === 0).length
  return `${passed} of ${tried} tests held${missing === 0 ? '' : `, ${missing} rows not tried`}`
}

/**
 * The page: `head`, the totals, and a table for each area.
 * `titles` are those of each file, in its order; a row without results says that it was not tried.
 */
export const writePage = (
  head: string,
  areas: readonly Area[],
  titles: ReadonlyMap<string, readonly string[]>,
  results: Results
): string => {
  const rowsOf = ({ files }: Area): { file: string; title: string }[] =>
    files.flatMap(file => (titles.get(file) ?? []).map(title => ({ file, title })))
  const keysOf = (area: Area): string[] => rowsOf(area).map(({ file, title }) => rowKey(file, title))
  const tables = areas.map(area => {
    const rows = rowsOf(area).map(
      ({ file, title }) =>
        `| ${cell(title)} | [${file.replace(/^test\//, '').replace(/\.test\.ts$/, '')}](../${file}) | ${verdict(results.get(rowKey(file, title)))} |`
    )
    const lines = [`## ${area.area}`, '', `${total(results, keysOf(area))}.`, '']
    return [...lines, '| what was tried | by | seen |', '| --- | --- | --- |', ...rows, ''].join('\n')
  })
  return `${head.trimEnd()}\n\nIn all: ${total(results, areas.flatMap(keysOf))}.\n\n${tables.join('\n')}`
}
