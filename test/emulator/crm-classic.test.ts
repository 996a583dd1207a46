// crm.company.* and crm.contact.* of the emulated portal: one record at a time.
// Must stay true: each test names the trap of protocol.md, section 9, that it keeps open.
import { describe, expect, it } from 'vitest'
import { createCrm } from './call-crm.ts'

const company = (crm: ReturnType<typeof createCrm>, fields: object = {}) => crm.call('crm.company.add', { fields })
const contact = (crm: ReturnType<typeof createCrm>, fields: object = {}) => crm.call('crm.contact.add', { fields })

it('keeps dates as midnight in UTC, told in its own zone, and finds them by day (fidelity, F8)', () => {
  for (const [utcOffsetMinutes, told] of [
    [120, '2001-11-11T02:00:00+02:00'],
    [180, '2001-11-11T03:00:00+03:00'],
    [-300, '2001-11-10T19:00:00-05:00']
  ] as const) {
    const crm = createCrm({ utcOffsetMinutes })
    const id = crm.call('crm.contact.add', { fields: { NAME: 'A', BIRTHDATE: '2001-11-11' } })
    expect(crm.call('crm.contact.get', { id }).BIRTHDATE).toBe(told)
    crm.call('crm.contact.update', { id, fields: { BIRTHDATE: told } })
    expect(crm.call('crm.contact.get', { id }).BIRTHDATE).toBe(told)
    const found = (BIRTHDATE: string) => crm.answer('crm.contact.list', { filter: { BIRTHDATE } }).total
    expect([found('2001-11-11'), found('11.11.2001'), found('2001-11-12')]).toEqual([1, 1, 0])
  }
})

it('prints what portals agree on, and can print what they do not (fidelity, F9 to F11)', () => {
  const crm = createCrm()
  const IM = [{ VALUE: 'imol|x', VALUE_TYPE: 'IMOL' }]
  const id = crm.call('crm.contact.add', { fields: { NAME: 'A', IM } })
  const other = crm.call('crm.contact.add', { fields: { NAME: 'B', IM: [{ VALUE: 'x', VALUE_TYPE: 'SKYPE' }] } })
  const empties = () => {
    const { COMPANY_ID, TYPE_ID, COMMENTS } = crm.call('crm.contact.get', { id })
    return [COMPANY_ID, TYPE_ID, COMMENTS]
  }
  expect(crm.call('crm.contact.get', { id })).toMatchObject({ HAS_IMOL: 'Y', EXPORT: 'Y' })
  expect(crm.call('crm.contact.get', { id: other }).HAS_IMOL).toBe('N')
  expect(empties()).toEqual([null, 'CLIENT', ''])
  crm.state.empties = 'null'
  expect(empties()).toEqual([null, null, null])
  crm.state.empties = 'filled'
  expect(empties()).toEqual(['0', 'CLIENT', ''])
  expect(crm.call('crm.contact.fields')).toMatchObject({
    ADDRESS_COUNTRY_CODE: { type: 'string' },
    LEAD_ID: { settings: { parentEntityTypeId: 1 } }
  })
  const names = Object.keys(crm.call('crm.company.fields'))
  expect(names.indexOf('HAS_IMOL')).toBe(names.indexOf('IS_MY_COMPANY') - 1)
  expect(crm.call('crm.company.fields').LAST_ACTIVITY_TIME.isReadOnly).toBe(false)
  const row = crm.call('crm.contact.list', { select: ['NAME', 'IM', 'LAST_NAME'] })[0]
  expect(Object.keys(row)).toEqual(['NAME', 'LAST_NAME', 'ID', 'IM'])
})

describe('add and get', () => {
  it('answers add with an int id and get with strings and nulls (trap 8)', () => {
    const crm = createCrm()
    const id = company(crm, { TITLE: 'ACME', REVENUE: 12.5, OPENED: 'N', ASSIGNED_BY_ID: 3 })
    expect(id).toBe(1)
    const row = crm.call('crm.company.get', { id })
    expect(row).toMatchObject({
      ID: '1',
      TITLE: 'ACME',
      REVENUE: '12.5',
      OPENED: 'N',
      ASSIGNED_BY_ID: '3',
      CREATED_BY_ID: '7',
      LOGO: null,
      LEAD_ID: null,
      COMMENTS: '',
      HAS_PHONE: 'N',
      UF_CRM_1687188367: '',
      DATE_CREATE: '2026-03-01T12:00:00+03:00'
    })
    expect(Object.values(row).every(value => value === null || typeof value === 'string')).toBe(true)
  })

  it('prints the keys of a company and a contact in recorded order', () => {
    const crm = createCrm()
    company(crm)
    contact(crm, { PHONE: [{ VALUE: '+70' }] })
    const companyKeys = Object.keys(crm.call('crm.company.get', { id: 1 }))
    expect(companyKeys.slice(0, 8)).toEqual([
      'ID',
      'COMPANY_TYPE',
      'TITLE',
      'LOGO',
      'LEAD_ID',
      'HAS_PHONE',
      'HAS_EMAIL',
      'HAS_IMOL'
    ])
    expect(companyKeys).toContain('REG_ADDRESS_COUNTRY_CODE')
    const contactKeys = Object.keys(crm.call('crm.contact.get', { id: 1 }))
    expect(contactKeys.slice(0, 7)).toEqual(['ID', 'POST', 'COMMENTS', 'HONORIFIC', 'NAME', 'SECOND_NAME', 'LAST_NAME'])
    expect(contactKeys.at(-1)).toBe('PHONE')
  })

  it('keeps any text as it is', () => {
    const crm = createCrm()
    for (const text of ['<script>alert(1)</script>', '{{7*7}}', '"><img onerror>', 'x'.repeat(10_000), 'שלום ‮abc']) {
      const id = company(crm, { TITLE: text })
      expect(crm.call('crm.company.get', { id }).TITLE).toBe(text)
    }
  })

  it('takes parameters and their values in any spelling and type', () => {
    const crm = createCrm()
    expect(crm.call('crm.company.add', { FIELDS: { TITLE: 'A' } })).toBe(1)
    expect(crm.call('crm.company.add', { arFields: { TITLE: 'B' } })).toBe(2)
    expect(crm.call('crm.company.get', { ID: '2' }).TITLE).toBe('B')
    expect(crm.call('crm.company.get', { id: 1.9 }).TITLE).toBe('A')
  })

  it('drops unknown and read-only members', () => {
    const crm = createCrm()
    const id = company(crm, { TITLE: 'A', NONSENSE: 'x', ID: '900', CREATED_BY_ID: '55', DATE_CREATE: '2001-01-01' })
    const row = crm.call('crm.company.get', { id })
    expect(row).toMatchObject({ ID: '1', CREATED_BY_ID: '7', DATE_CREATE: '2026-03-01T12:00:00+03:00' })
    expect(row).not.toHaveProperty('NONSENSE')
  })

  it('enters import mode for any truthy IMPORT, also the text "N" (trap 5)', () => {
    const crm = createCrm()
    const fields = { DATE_CREATE: '2020-05-06T10:00:00+00:00', CREATED_BY_ID: 5 }
    const imported = crm.call('crm.company.add', { fields, params: { IMPORT: 'N' } })
    const plain = crm.call('crm.company.add', { fields, params: { IMPORT: '0' } })
    expect(crm.call('crm.company.get', { id: imported })).toMatchObject({
      DATE_CREATE: '2020-05-06T13:00:00+03:00',
      CREATED_BY_ID: '5'
    })
    expect(crm.call('crm.company.get', { id: plain }).CREATED_BY_ID).toBe('7')
  })

  it('names a record without a title by itself; "required" is metadata only (trap 30)', () => {
    const crm = createCrm()
    company(crm)
    contact(crm, { SECOND_NAME: 'Иванович' })
    contact(crm, { NAME: 'Иван' })
    expect(crm.call('crm.company.get', { id: 1 }).TITLE).toBe('Company #1')
    expect(crm.call('crm.contact.get', { id: 1 }).LAST_NAME).toBe('Contact #1')
    expect(crm.call('crm.contact.get', { id: 2 }).LAST_NAME).toBeNull()
    expect(crm.call('crm.company.fields').TITLE).toMatchObject({ isRequired: true, isReadOnly: false, type: 'string' })
    expect(crm.call('crm.contact.fields').PHONE).toMatchObject({ type: 'crm_multifield', isMultiple: true })
  })

  it('adds a duplicate on a blind retry: nothing is idempotent (trap 43)', () => {
    const crm = createCrm()
    const fields = { TITLE: 'A', ORIGINATOR_ID: 'X', ORIGIN_ID: '1' }
    company(crm, fields)
    company(crm, fields)
    expect(crm.state.withOriginTag('company', 'X', '1').map(record => record.id)).toEqual([1, 2])
  })
})

describe('multifields', () => {
  it('prints them as recorded and leaves the key out when there is none', () => {
    const crm = createCrm()
    const id = contact(crm, {
      PHONE: { n0: { VALUE: '+7000', VALUE_TYPE: 'MOBILE' }, n1: { VALUE: ' ' } },
      EMAIL: [{ VALUE: 'a@b.example' }]
    })
    const row = crm.call('crm.contact.get', { id })
    expect(JSON.stringify(row.PHONE)).toBe('[{"ID":"1","VALUE_TYPE":"MOBILE","VALUE":"+7000","TYPE_ID":"PHONE"}]')
    expect(row.EMAIL[0].VALUE_TYPE).toBe('WORK')
    expect(row).not.toHaveProperty('WEB')
    expect(row).toMatchObject({ HAS_PHONE: 'Y', HAS_EMAIL: 'Y', HAS_IMOL: 'N' })
  })

  it('appends on update unless an ID is given (trap 26)', () => {
    const crm = createCrm()
    const id = contact(crm, { PHONE: [{ VALUE: '+71' }, { VALUE: '+72' }] })
    const phones = () => crm.call('crm.contact.get', { id }).PHONE?.map((phone: { VALUE: string }) => phone.VALUE)
    const update = (PHONE: unknown) => crm.call('crm.contact.update', { id, fields: { PHONE } })
    update([{ VALUE: '+71' }])
    expect(phones()).toEqual(['+71', '+72', '+71'])
    update([
      { ID: '1', VALUE: '+79' },
      { ID: 2, DELETE: 'Y' },
      { ID: 3, VALUE: '' }
    ])
    expect(phones()).toEqual(['+79'])
    update([{ ID: 1, VALUE: '' }])
    expect(phones()).toBeUndefined()
  })

  it('refuses a bad e-mail with ERROR_CORE and changes nothing', () => {
    const crm = createCrm()
    const fields = { EMAIL: [{ VALUE: 'nobody' }] }
    expect(crm.failure('crm.contact.add', { fields })).toMatchObject({ status: 400, code: 'ERROR_CORE' })
    expect(crm.state.counts().contacts).toBe(0)
  })
})

describe('update', () => {
  it('changes the given members only and clears with "" or null', () => {
    const crm = createCrm()
    const id = company(crm, { TITLE: 'A', COMMENTS: 'x', INDUSTRY: 'IT', ORIGINATOR_ID: 'X', ORIGIN_ID: '1' })
    expect(crm.call('crm.company.update', { id, fields: { COMMENTS: '', INDUSTRY: null, ORIGIN_ID: '2' } })).toBe(true)
    expect(crm.call('crm.company.get', { id })).toMatchObject({ TITLE: 'A', COMMENTS: '', INDUSTRY: null })
    expect(crm.state.withOriginTag('company', 'X', '1')).toEqual([])
    expect(crm.state.withOriginTag('company', 'X', '2')).toHaveLength(1)
  })
})
