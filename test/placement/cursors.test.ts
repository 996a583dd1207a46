// The way through pages that are cut by id.
// Must stay true: going forward and back the same number of times ends where it began.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCursors, PAGE_ROWS } from '../../placement/cursors.ts'

test('row numbers go on from page to page, and the way back passes the same pages', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1 }), { maxLength: 20 }), ids => {
      const cursors = createCursors()
      const seen = ids.map(id => {
        const before = [cursors.after(), cursors.firstRow()]
        cursors.forward(id)
        return before
      })
      expect(cursors.firstRow()).toBe(ids.length * PAGE_ROWS + 1)
      for (const before of seen.reverse()) {
        cursors.back()
        expect([cursors.after(), cursors.firstRow()]).toEqual(before)
      }
      expect(cursors.isFirst()).toBe(true)
    })
  )
})

test('a second click, while the next page is on its way, goes no further', () => {
  const cursors = createCursors()
  cursors.forward(50)
  cursors.forward(50)
  expect([cursors.after(), cursors.firstRow()]).toEqual([50, PAGE_ROWS + 1])
  cursors.back()
  expect(cursors.isFirst()).toBe(true)
})

test('going back from the first page stays there', () => {
  const cursors = createCursors()
  cursors.back()
  expect([cursors.after(), cursors.firstRow()]).toEqual([null, 1])
})
