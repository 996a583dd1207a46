// docs/security.md lists the tests that try attacks and faults: those that are there now, all of them, and no others.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AREAS } from './support/attacks.ts'
import { readPage, rowKey, type Seen, writePage } from './support/security-page.ts'
import { titleOf, titlesOf } from './support/test-titles.ts'

const files = AREAS.flatMap(area => area.files)
const head = readFileSync('test/support/security-head.md', 'utf8')
const page = readFileSync('docs/security.md', 'utf8')

test('every listed file is there, and is listed once', () => {
  expect(files.filter(file => !existsSync(file))).toEqual([])
  expect(files).toEqual([...new Set(files)])
})

test('the page has a row for each title that the files have now, in their order, and no other (npm run security)', () => {
  const rows = files.flatMap(file => titlesOf(readFileSync(file, 'utf8')).map(title => rowKey(file, title)))
  expect([...readPage(page).keys()]).toEqual(rows)
  expect(rows).toEqual([...new Set(rows)])
})

test('the page is what the generator writes: its head, areas and totals too', () => {
  const titles = new Map(files.map(file => [file, titlesOf(readFileSync(file, 'utf8'))]))
  expect(page).toBe(writePage(head, AREAS, titles, readPage(page)))
})

test('titles are read with those around them, parameters as …, and a result finds its own', () => {
  const source = `
test('one "quoted" \\'title\\' of 100 %', () => {})
describe('a thing', () => {
  for (const x of [1]) {
    test(\`is \${x}\`, () => {})
  }
  describe.each([f('a')])('in $name', () => {
    it.each([
      [1, '(']
    ])(
      'by %i ms',
      () => {}
    )
  })
})
test('last', () => regex.test('no title'))
`
  const titles = ['one "quoted" \'title\' of 100 %', 'a thing is …', 'a thing in … by … ms', 'last']
  expect(titlesOf(source)).toEqual(titles)
  expect(titleOf(titles, 'a thing in SQLite by -30 ms')).toBe(titles[2])
  expect(titleOf(['a …', 'a thing …'], 'a thing more')).toBe('a thing …')
  expect(titleOf(titles, 'a thing by 3 ms')).toBeUndefined()
})

test('what was seen is written and read back: held, failed in part, not tried', () => {
  const areas = [{ area: 'Area', files: ['test/a.test.ts'] }]
  const titles = new Map([['test/a.test.ts', ['a | b <c>', 'several …', 'lost', 'none']]])
  const seen: [string, Seen][] = [
    [rowKey('test/a.test.ts', 'a | b <c>'), { passed: 1, tried: 1 }],
    [rowKey('test/a.test.ts', 'several …'), { passed: 2, tried: 3 }],
    [rowKey('test/a.test.ts', 'lost'), { passed: 0, tried: 1 }],
    [rowKey('test/a.test.ts', 'none'), { passed: 0, tried: 0 }]
  ]
  const written = writePage('# Head\n', areas, titles, new Map(seen))
  expect([...readPage(written)]).toEqual(seen)
  expect(written).toContain('In all: 3 of 5 tests held, 1 rows not tried.')
})
