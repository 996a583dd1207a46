// crm.item.* of the emulated portal, for contacts (entityTypeId 3) and companies (4).
// Must stay true: each test names the trap of protocol.md, section 9, that it keeps open.
import { describe, expect, it } from 'vitest'
import { createCrm, WITHOUT_RIGHTS } from './call-crm.ts'

const COMPANY = { entityTypeId: 4 }
const CONTACT = { entityTypeId: '3' }

describe('one item', () => {
  it('is added, read and changed with typed values (trap 8)', () => {
    const crm = createCrm()
    const company = crm.call('crm.item.add', { ...COMPANY, fields: { title: 'ACME', revenue: '10.5', opened: 'true' } })
    expect(company.item).toMatchObject({ id: 1, title: 'ACME', revenue: 10.5, opened: 'Y', createdBy: 7, leadId: null })
    expect(company.item).toMatchObject({ contactIds: [], observers: [], fm: [], phone: '', entityTypeId: 4 })
    const fields = { name: 'Иван', lastName: 'Петров', companyIds: ['1'], birthdate: '2000-01-02', originId: 'run:1' }
    const contact = crm.call('crm.item.add', { ...CONTACT, fields })
    expect(contact.item).toMatchObject({ id: 1, companyId: 1, companyIds: [1], birthdate: '2000-01-02T03:00:00+03:00' })
    crm.call('crm.item.update', { ...CONTACT, id: 1, fields: { lastName: '', companyId: 0, utmSource: 'x' } })
    expect(crm.call('crm.item.get', { ...CONTACT, id: '1' }).item).toMatchObject({
      name: 'Иван',
      lastName: null,
      companyId: 0,
      companyIds: [],
      utmSource: 'x'
    })
    expect(crm.call('crm.contact.get', { id: 1 })).toMatchObject({ NAME: 'Иван', ORIGIN_ID: 'run:1' })
  })

  it('prints every column without a hole', () => {
    const crm = createCrm()
    for (const entity of [COMPANY, CONTACT]) {
      const { item } = crm.call('crm.item.add', { ...entity, fields: {} })
      expect(Object.values(item)).not.toContain(undefined)
      const described = Object.keys(crm.call('crm.item.fields', entity).fields)
      expect(Object.keys(item)).toEqual(expect.arrayContaining(described))
    }
  })

  it('appends the values of fm and never changes them by id (trap 26)', () => {
    const crm = createCrm()
    const fm = [{ typeId: 'PHONE', valueType: 'MOBILE', value: '+71' }, { typeId: 'NONSENSE', value: 'x' }, 'x']
    const { item } = crm.call('crm.item.add', { ...CONTACT, fields: { fm } })
    expect(item).toMatchObject({
      fm: [{ id: 1, valueType: 'MOBILE', value: '+71', typeId: 'PHONE' }],
      phone: '+71',
      phoneMobile: '+71',
      phoneWork: '',
      hasPhone: 'Y'
    })
    crm.call('crm.item.update', { ...CONTACT, id: 1, fields: { fm: [{ id: 1, typeId: 'PHONE', value: '+72' }] } })
    expect(crm.call('crm.item.get', { ...CONTACT, id: 1 }).item.fm).toHaveLength(2)
  })

  it('changes the values of fm that a map names by their ids', () => {
    const crm = createCrm()
    const fm = [
      { typeId: 'PHONE', valueType: 'WORK', value: '+71' },
      { typeId: 'EMAIL', value: 'a@b.c' }
    ]
    crm.call('crm.item.add', { ...CONTACT, fields: { fm } })
    const change = { 1: { value: '+72' }, 2: { typeId: 'EMAIL', value: '' }, 9: { value: 'x' } }
    crm.call('crm.item.update', { ...CONTACT, id: 1, fields: { fm: change } })
    expect(crm.call('crm.item.get', { ...CONTACT, id: 1 }).item.fm).toEqual([
      { id: 1, valueType: 'WORK', value: '+72', typeId: 'PHONE' }
    ])
  })

  it('is deleted with an empty array as the answer', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 1, contacts: 1 })
    expect(crm.call('crm.item.delete', { ...COMPANY, id: 1 })).toEqual([])
    expect(crm.state.counts()).toEqual({ companies: 0, contacts: 1 })
    expect(crm.state.companyIdsOf(1)).toEqual([])
  })
})

describe('lists', () => {
  it('give fm only with everything, never by name (trap 39)', () => {
    const crm = createCrm()
    crm.state.seed({ contacts: 1 })
    const keys = (select: unknown) => Object.keys(crm.call('crm.item.list', { ...CONTACT, select }).items[0])
    expect(keys(['id', 'fm', 'name'])).toEqual(['id', 'name'])
    expect(keys(['*'])).toEqual(expect.arrayContaining(['fm', 'entityTypeId']))
    expect(keys(undefined)).toEqual(keys(['*']))
  })

  it('omit total and next with start=-1 (trap 9)', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 60 })
    const counted = crm.answer('crm.item.list', { ...COMPANY, select: ['id'], start: 10 })
    expect(counted).toMatchObject({ total: 60, next: 50 })
    const answer = crm.answer('crm.item.list', { ...COMPANY, select: ['id'], start: -1, filter: { '>id': '20' } })
    expect(Object.keys(answer)).toEqual(['result'])
    expect((answer.result as { items: unknown[] }).items[0]).toEqual({ id: 21 })
  })

  it('refuse unknown fields in filter and order (trap 2)', () => {
    const crm = createCrm()
    const failure = (params: object) => crm.failure('crm.item.list', { ...COMPANY, ...params })
    expect(failure({ filter: { fooBar: 1 } })).toEqual({
      status: 400,
      code: 'INVALID_ARG_VALUE',
      text: "Invalid filter: field 'FOO_BAR' is not allowed in filter"
    })
    expect(failure({ filter: { 0: { logic: 'OR', 0: { '!%nope': 1 } } } }).text).toContain("'NOPE'")
    expect(failure({ order: { DATE_CREATE: 'ASC' } }).text).toBe(
      "Invalid order: field 'DATE_CREATE' is not allowed in order"
    )
    expect(failure({ order: { title: 'UP' } }).code).toBe('INVALID_ARG_VALUE')
  })

  it('take names in capitals in fields, filter, order and select (fidelity, F7)', () => {
    const crm = createCrm()
    crm.state.seed({ contacts: 1 })
    const fields = { TITLE: 'B', TYPE_ID: 'PARTNER', CONTACT_IDS: [1], FM: [{ typeId: 'PHONE', value: '+7' }] }
    expect(crm.call('crm.item.add', { ...COMPANY, fields }).item).toMatchObject({
      title: 'B',
      typeId: 'PARTNER',
      contactIds: [1],
      phone: '+7'
    })
    crm.call('crm.item.add', { ...COMPANY, fields: { title: 'A' } })
    const list = (params: object) => crm.call('crm.item.list', { ...COMPANY, ...params }).items
    expect(list({ order: { TITLE: 'ASC' }, select: ['ID', 'TITLE'] })).toEqual([
      { id: 2, title: 'A' },
      { id: 1, title: 'B' }
    ])
    expect(list({ filter: { '@ID': [1], TYPE_ID: 'PARTNER' }, select: ['CONTACT_IDS'] })).toEqual([
      { id: 1, contactIds: [1] }
    ])
  })

  it('filter with nested logic and negated patterns', () => {
    const crm = createCrm()
    const titles = ['a1', 'a2', 'b1', 'b2']
    crm.state.seed({ companies: titles.map((TITLE, at) => ({ fields: { TITLE, REVENUE: String(at) } })) })
    const ids = (filter: unknown) =>
      crm.call('crm.item.list', { ...COMPANY, filter }).items.map((item: { id: number }) => item.id)
    expect(ids({ logic: 'OR', title: 'a1', '>revenue': 2 })).toEqual([1, 4])
    expect(ids({ 0: { logic: 'OR', 0: { '%title': 'a' }, 1: { title: 'b2' } }, '>id': 1 })).toEqual([2, 4])
    expect(ids([{ logic: 'OR', 0: { title: 'a1' }, 1: { '>=revenue': '2', '!%=title': '%2' } }])).toEqual([1, 3])
    expect(ids({ '!%title': 'a' })).toEqual([3, 4])
    expect(ids({ '@id': ['2', 3] })).toEqual([2, 3])
  })
})

describe('import', () => {
  it('takes the classic form of phones and the system fields (trap 39)', () => {
    const crm = createCrm()
    const fields = { lastName: 'П', PHONE: [{ VALUE: '+7' }], createdTime: '2020-01-01T00:00:00+03:00', createdBy: 5 }
    expect(crm.call('crm.item.import', { ...CONTACT, fields })).toEqual({ item: { id: 1 } })
    expect(crm.call('crm.contact.get', { id: 1 })).toMatchObject({
      HAS_PHONE: 'Y',
      CREATED_BY_ID: '5',
      DATE_CREATE: '2020-01-01T00:00:00+03:00'
    })
    crm.call('crm.item.add', { ...CONTACT, fields })
    expect(crm.call('crm.contact.get', { id: 2 })).toMatchObject({ HAS_PHONE: 'N', CREATED_BY_ID: '7' })
  })

  it('answers each entry of a batch by itself, at most 20', () => {
    const crm = createCrm()
    crm.state.refuse = (_, __, row) => ('title' in row && row.title === 'bad' ? 'Access denied.' : undefined)
    const data = [{ title: 'A' }, { title: 'bad' }, { createdTime: 'never' }, { title: 'D' }]
    const { items } = crm.call('crm.item.batchImport', { ...COMPANY, data })
    expect(items).toEqual([
      { item: { id: 1 } },
      { error: 'ACCESS_DENIED', error_description: 'Access denied.' },
      { error: 'CRM_FIELD_ERROR_VALUE_NOT_VALID', error_description: 'Invalid value for field "createdTime"' },
      { item: { id: 2 } }
    ])
    expect(crm.call('crm.item.batchimport', { ...COMPANY, data: { x: {} } }).items).toEqual({ x: { item: { id: 3 } } })
    const many = { ...COMPANY, data: Array.from({ length: 21 }, () => ({})) }
    expect(crm.failure('crm.item.batchImport', many).code).toBe('MAX_IMPORT_BATCH_SIZE_EXCEEDED')
    expect(crm.state.counts().companies).toBe(3)
  })
})

it('fails with real codes (trap 1)', () => {
  const crm = createCrm()
  const code = (method: string, params: object) => crm.failure(`crm.item.${method}`, { ...params }).code
  expect(code('get', { id: 1 })).toBe('100')
  expect(code('get', COMPANY)).toBe('100')
  expect(code('add', { ...COMPANY, fields: 'x' })).toBe('100')
  expect(code('add', { ...CONTACT, fields: { companyIds: 4 } })).toBe('100')
  expect(code('get', { entityTypeId: 777, id: 1 })).toBe('NOT_FOUND')
  expect(code('list', { entityTypeId: 2 })).toBe('ENTITY_TYPE_NOT_SUPPORTED')
  for (const method of ['get', 'update', 'delete']) {
    expect(crm.failure(`crm.item.${method}`, { ...COMPANY, id: 1, fields: {} })).toEqual({
      status: 400,
      code: 'NOT_FOUND',
      text: 'Item not found'
    })
  }
  expect(code('add', { ...CONTACT, fields: { birthdate: 'soon' } })).toBe('CRM_FIELD_ERROR_VALUE_NOT_VALID')
  expect(crm.failure('crm.item.list', COMPANY, WITHOUT_RIGHTS).code).toBe('ACCESS_DENIED')
  expect(crm.state.counts()).toEqual({ companies: 0, contacts: 0 })
})
