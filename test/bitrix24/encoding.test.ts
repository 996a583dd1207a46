// Commands as PHP reads them: what was meant arrives, whatever characters it holds.
// Must stay true: judged by the emulator's PHP parser, which knows nothing of the encoder.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseQuery } from '../../emulator/php.ts'
import { encodeCommand } from '../../server/bitrix24/encoding.ts'

const decoded = (params: Record<string, unknown>): unknown => {
  const [method, query = '', ...more] = encodeCommand({ method: 'crm.company.add', params }).split('?')
  expect([method, more]).toEqual(['crm.company.add', []])
  return JSON.parse(JSON.stringify(parseQuery(query)))
}

test('any text survives, in fields and multifields', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (title, phone) => {
      const params = { fields: { TITLE: title, PHONE: [{ VALUE: phone, VALUE_TYPE: 'WORK' }] } }
      const [wellTitle, wellPhone] = [title, phone].map(text => Buffer.from(text).toString())
      expect(decoded(params)).toMatchObject({ fields: { TITLE: wellTitle } })
      expect(JSON.stringify(decoded(params))).toContain(JSON.stringify(wellPhone))
    })
  )
})

test('filters keep their operators, and references their form', () => {
  expect(decoded({ filter: { '>ID': 5, '@ORIGIN_ID': ['a:1', 'a:2'] }, start: -1 })).toMatchObject({
    filter: { '>ID': '5' },
    start: '-1'
  })
  expect(decoded({ fields: { COMPANY_ID: '$result[c1]' } })).toEqual({ fields: { COMPANY_ID: '$result[c1]' } })
})

test('booleans are Y and N, null is empty, and undefined, empty lists and empty maps vanish', () => {
  expect(decoded({ a: true, b: false, c: null, d: undefined, e: [], f: {}, g: 1.5 })).toEqual({
    a: 'Y',
    b: 'N',
    c: '',
    g: '1.5'
  })
  expect(encodeCommand({ method: 'profile', params: {} })).toBe('profile')
})

test('a lone surrogate becomes the replacement character instead of an error', () => {
  expect(decoded({ a: 'x\uD83Dy' })).toEqual({ a: 'x\uFFFDy' })
  expect(decoded({ fields: { 'x\uD83D': 'y' } })).toEqual({ fields: { 'x\uFFFD': 'y' } })
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol('s'), 10n])('%s cannot be sent', value => {
  expect(() => encodeCommand({ method: 'm', params: { fields: { a: value } } })).toThrow(TypeError)
})
