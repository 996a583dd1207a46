// Lines of CSV: whatever a portal says, a spreadsheet shows it as text.
// Must stay true: what goes in can be read out again.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Rejection } from '../../server/core/run/run.ts'
import { csvLine } from '../../server/http/csv.ts'
import { rejectionLines } from '../../server/http/rejections.ts'
import { loadTranslations } from '../../server/http/translate.ts'

test('no cell begins like a formula', () => {
  for (const start of ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠']) {
    expect(csvLine([`${start}cmd|' /C calc'!A0`])).toMatch(/^"'/)
  }
  expect(csvLine(['crm', '5'])).toBe('"crm","5"\r\n')
})

test('people get their language, and the separator that their spreadsheets expect; programs what never changes', async () => {
  const translations = loadTranslations(new URL('../../locales', import.meta.url).pathname)
  const rejected: Rejection[] = [
    { row: 3, entity: 'company', code: 'REJECTED', message: 'Access denied.' },
    { row: 103, entity: 'contact', code: 'COMPANY_REJECTED', message: 'Its company (row 3) was rejected' },
    { row: 104, entity: 'contact', code: 'REJECTED', message: 'Портал; сказал "нет"' }
  ]
  const file = async (language?: 'ru' | 'en') => {
    const rows = (async function* () {
      yield* rejected
    })()
    let text = ''
    for await (const line of rejectionLines(rows, translations, language)) text += line
    return text.split('\r\n')
  }
  expect(await file('ru')).toEqual([
    '\uFEFF"Запись";"Строка";"Код";"Причина"',
    '"Компания";"3";"REJECTED";"Портал отказал: не хватает прав в CRM."',
    '"Контакт";"103";"COMPANY_REJECTED";"Компания этого контакта отклонена"',
    '"Контакт";"104";"REJECTED";"Портал; сказал ""нет"""',
    ''
  ])
  expect((await file('en'))[1]).toBe('"Company","3","REJECTED","Access denied: not enough rights in the CRM."')
  expect((await file()).slice(0, 2)).toEqual([
    '\uFEFF"entity","row","code","message"',
    '"company","3","REJECTED","Access denied."'
  ])
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
