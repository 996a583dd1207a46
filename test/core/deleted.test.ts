// When a refused delete means that the record is gone already.
// Must stay true: "Access denied." with its empty code never does.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAlreadyGone } from '../../server/core/clear/deleted.ts'

test.each([
  ['', 'Company is not found'],
  ['', 'Contact is not found'],
  ['', 'Not found'],
  ['', 'Not found.'],
  ['ERROR_CORE', 'Element not found'],
  ['ERROR_NOT_FOUND', ''],
  ['NOT_FOUND', 'Item not found'],
  ['', '']
])('%j %j means gone', (code, message) => {
  expect(isAlreadyGone(code, message)).toBe(true)
})

test.each([
  ['', 'Access denied.'],
  ['ACCESS_DENIED', 'Access denied!'],
  ['ACCESS_DENIED', ''],
  ['ERROR_CORE', ''],
  ['ERROR_CORE', 'SQL query error!'],
  ['', 'ID is not defined or invalid.'],
  ['ERROR_METHOD_NOT_FOUND', 'Method not found!'],
  ['insufficient_scope', '']
])('%j %j does not', (code, message) => {
  expect(isAlreadyGone(code, message)).toBe(false)
})

test('no text that speaks of denied access means gone', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.constantFrom('', 'ERROR_CORE'), (before, after, code) => {
      expect(isAlreadyGone(code, `${before}Access denied${after}`)).toBe(false)
    })
  )
})
