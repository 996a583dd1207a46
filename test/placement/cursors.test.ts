// The way through pages that are cut by id.
// Must stay true: going forward and back the same number of times ends where it began.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { afterOf, back, firstPage, firstRow, forward, isFirst, PAGE_ROWS, turnedOver } from '../../placement/cursors.ts'

test('row numbers go on from page to page, and the way back passes the same pages', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1 }), { maxLength: 20 }), ids => {
      let cursor = firstPage('oldest')
      const seen = ids.map(id => {
        const before = cursor
        cursor = forward(cursor, id)
        expect(afterOf(cursor)).toBe(id)
        return before
      })
      expect(firstRow(cursor)).toBe(ids.length * PAGE_ROWS + 1)
      for (const before of seen.reverse()) {
        cursor = back(cursor)
        expect(cursor).toEqual(before)
      }
      expect(isFirst(cursor)).toBe(true)
    })
  )
})

test('going back from the first page stays there', () => {
  const cursor = back(firstPage('newest'))
  expect([afterOf(cursor), firstRow(cursor), isFirst(cursor)]).toEqual([null, 1, true])
})

test('the other order begins at its own first page, and its pages keep it', () => {
  const newest = turnedOver(forward(firstPage('oldest'), 50))
  expect(newest).toEqual(firstPage('newest'))
  expect(back(forward(newest, 251))).toEqual(newest)
  expect(turnedOver(forward(newest, 251))).toEqual(firstPage('oldest'))
})
