// Lines of CSV: whatever a portal says, a spreadsheet shows it as text.
// Must stay true: what goes in can be read out again.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csvLine } from '../../server/http/csv.ts'

test('no cell begins like a formula', () => {
  for (const start of ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠']) {
    expect(csvLine([`${start}cmd|' /C calc'!A0`])).toMatch(/^"'/)
  }
  expect(csvLine(['crm', '5'])).toBe('"crm","5"\r\n')
})

test('quotes, commas and line breaks stay inside their cell', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', 'я', ';') }), cell => {
      const inside = csvLine([cell]).slice(1, -3)
      expect(inside.replaceAll('""', '')).not.toContain('"')
      expect(inside.replaceAll('""', '"').replace(/^'(?=[=+\-@\t\r\n])/, '')).toBe(cell)
    })
  )
})
