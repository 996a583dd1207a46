// What a plan promises: every row once, links round-robin, origin tags that lead back.
// Must stay true: no test reads the plan's inside; rows are asked for by number only.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPlan } from '../../server/core/create/plan.ts'
import { MAX_COUNT, type Recipe, sampleLocales } from '../../server/core/recipe.ts'
import { sampleCompany, sampleContact } from '../../server/core/sample/sample.ts'

const recipes = (most: number): fc.Arbitrary<Recipe> =>
  fc.record({
    companies: fc.integer({ min: 1, max: most }),
    contacts: fc.integer({ min: 0, max: most }),
    seed: fc.integer({ min: 0, max: 0xffff_ffff }),
    locale: fc.constantFrom(...sampleLocales)
  })
const runIds = fc.constantFrom('r1', '0197f3c2-7d1e-7000-8000-000000000001', 'a:b')
const recipe: Recipe = { companies: 3, contacts: 7, seed: 1, locale: 'ru' }
const rows = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('counts companies first, then contacts, and no other row exists', () => {
  fc.assert(
    fc.property(recipes(60), wanted => {
      const plan = createPlan(wanted, 'r1')
      const kinds = rows(1, plan.total).map(row => plan.entityOf(row))
      expect(plan.total).toBe(wanted.companies + wanted.contacts)
      expect(kinds.filter(kind => kind === 'company')).toHaveLength(plan.companies)
      expect(kinds.lastIndexOf('company')).toBe(plan.companies - 1)
      for (const row of [0, -1, plan.total + 1, 1.5, Number.NaN]) expect(() => plan.entityOf(row)).toThrow(RangeError)
    })
  )
})

test('links contact i to company i, round-robin, and finds the same links from the company', () => {
  fc.assert(
    fc.property(recipes(60), wanted => {
      const plan = createPlan(wanted, 'r1')
      for (const row of rows(plan.companies + 1, plan.total)) {
        expect(plan.companyOf(row)).toBe(((row - plan.companies - 1) % plan.companies) + 1)
        expect(plan.entityOf(plan.companyOf(row))).toBe('company')
      }
      const linked = rows(1, plan.companies).flatMap(company => {
        const contacts = [...plan.contactsOf(company)]
        for (const contact of contacts) expect(plan.companyOf(contact)).toBe(company)
        return contacts
      })
      expect(linked.sort((a, b) => a - b)).toEqual(rows(plan.companies + 1, plan.total))
    })
  )
  expect([...createPlan(recipe, 'r1').contactsOf(1)]).toEqual([4, 7, 10])
})

test('refuses to take a contact for a company and a company for a contact', () => {
  const plan = createPlan(recipe, 'r1')
  expect(() => plan.companyOf(3)).toThrow(RangeError)
  expect(() => plan.contactsOf(4)).toThrow(RangeError)
  expect(() => plan.addParams(4)).toThrow(RangeError)
})

test('reads a row back from its origin tag, and from no other text', () => {
  fc.assert(
    fc.property(recipes(MAX_COUNT), runIds, fc.nat(), (wanted, runId, pick) => {
      const plan = createPlan(wanted, runId)
      const row = (pick % plan.total) + 1
      expect(plan.originId(row)).toBe(`${runId}:${row}`)
      expect(plan.rowOfOriginId(plan.originId(row))).toBe(row)
      expect(plan.rowOfOriginId(`other:${row}`)).toBeUndefined()
      expect(plan.rowOfOriginId(`${runId}:${plan.total + row}`)).toBeUndefined()
    })
  )
  const plan = createPlan(recipe, 'r1')
  for (const text of [
    '',
    'r1',
    'r1:',
    'r1:0',
    'r1:01',
    'r1:-1',
    'r1:1.0',
    'r1:1e0',
    'r1: 1',
    'r1:1 ',
    'r1:1:1',
    'R1:1',
    'r11:1',
    'r1:١'
  ]) {
    expect(plan.rowOfOriginId(text), text).toBeUndefined()
  }
})

test('sends a company with its title, phone and tag', () => {
  const plan = createPlan(recipe, 'r1')
  const { title, phone } = sampleCompany(recipe, 1)
  expect(plan.addParams(2)).toEqual({
    fields: {
      TITLE: title,
      PHONE: [{ VALUE: phone, VALUE_TYPE: 'WORK' }],
      OPENED: 'Y',
      ORIGINATOR_ID: 'BITRIXCORP',
      ORIGIN_ID: 'r1:2'
    }
  })
})

test('sends a contact with its names, phone, tag, and its company by id or by reference', () => {
  const plan = createPlan(recipe, 'r1')
  const { lastName, firstName, secondName, phone } = sampleContact(recipe, 1)
  for (const company of [4711, '$result[c2]']) {
    expect(plan.addParams(5, company)).toEqual({
      fields: {
        NAME: firstName,
        SECOND_NAME: secondName,
        LAST_NAME: lastName,
        PHONE: [{ VALUE: phone, VALUE_TYPE: 'WORK' }],
        COMPANY_ID: company,
        OPENED: 'Y',
        ORIGINATOR_ID: 'BITRIXCORP',
        ORIGIN_ID: 'r1:5'
      }
    })
  }
})

test('holds none of 200 000 rows: the last link of a company comes without making the ones before', () => {
  const plan = createPlan({ companies: 1, contacts: MAX_COUNT, seed: 1, locale: 'ru' }, 'r1')
  const contacts = plan.contactsOf(1)[Symbol.iterator]()
  expect(contacts.next()).toEqual({ done: false, value: 2 })
  expect(plan.companyOf(plan.total)).toBe(1)
  // Two plans share nothing: a row asked for first is the row asked for last.
  const last = createPlan({ companies: 1, contacts: MAX_COUNT, seed: 1, locale: 'ru' }, 'r1').addParams(plan.total, 1)
  for (const row of rows(2, 50)) plan.addParams(row, 1)
  expect(plan.addParams(plan.total, 1)).toEqual(last)
})

test('with a company that is there already, has contacts only, and all of them are its own', () => {
  const plan = createPlan({ companies: 0, contacts: 3, seed: 1, locale: 'ru', companyId: 12 }, 'r1')
  expect([plan.total, plan.companies, plan.existingCompany]).toEqual([3, 0, 12])
  expect(rows(1, 3).map(row => [plan.entityOf(row), plan.companyOf(row)])).toEqual(Array(3).fill(['contact', 0]))
  expect([...plan.contactsOf(0)]).toEqual([1, 2, 3])
  expect(plan.addParams(1, 12)).toMatchObject({ fields: { COMPANY_ID: 12, ORIGIN_ID: 'r1:1' } })
  expect(() => createPlan(recipe, 'r1').contactsOf(0)).toThrow(RangeError)
})
