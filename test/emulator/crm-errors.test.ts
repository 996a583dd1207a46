// Errors of the classic company and contact methods.
// Must stay true: each test names the trap of protocol.md, section 9, that it keeps open.
import { describe, expect, it } from 'vitest'
import { createCrm, WITHOUT_RIGHTS } from './call-crm.ts'

const company = (crm: ReturnType<typeof createCrm>, fields: object = {}) => crm.call('crm.company.add', { fields })

describe('errors', () => {
  it('have an empty code and fixed texts', () => {
    const crm = createCrm()
    const empty = (text: string) => ({ status: 400, code: '', text })
    expect(crm.failure('crm.company.add')).toEqual(empty("Parameter 'fields' must be array."))
    expect(crm.failure('crm.company.add', { fields: {}, params: 'x' })).toEqual(
      empty("Parameter 'params' must be array.")
    )
    for (const id of [undefined, null, 0, '-4', 'abc', [], false]) {
      for (const method of ['get', 'delete', 'update']) {
        expect(crm.failure(`crm.contact.${method}`, { id, fields: {} })).toEqual(empty('ID is not defined or invalid.'))
      }
    }
    expect(crm.failure('crm.company.get', { id: 1 })).toEqual(empty('Not found'))
    expect(crm.failure('crm.company.update', { id: 1, fields: {} })).toEqual(empty('Company is not found'))
    expect(crm.failure('crm.contact.update', { id: 1, fields: {} })).toEqual(empty('Contact is not found'))
    expect(crm.failure('crm.company.list', { filter: 'x' })).toEqual(empty("Parameter 'filter' must be array."))
    expect(crm.failure('crm.company.list', { order: 1 })).toEqual(empty("Parameter 'order' must be array."))
  })

  it('say "not found" on delete in the portal\'s form and share the empty code with "Access denied." (trap 29)', () => {
    const crm = createCrm()
    const missing = (entity: string) => {
      const { code, text } = crm.failure(`crm.${entity}.delete`, { id: 9 })
      return [code, text]
    }
    expect(missing('company')).toEqual(['', 'Company is not found'])
    expect(missing('contact')).toEqual(['ERROR_CORE', 'Element not found'])
    crm.state.missingDelete = 'empty'
    expect([missing('company'), missing('contact')]).toEqual([
      ['', ''],
      ['', '']
    ])
    crm.state.missingDelete = 'plain'
    expect(missing('contact')).toEqual(['', 'Not found'])
    crm.state.missingDelete = 'coded'
    expect(missing('company')).toEqual(['ERROR_NOT_FOUND', 'Not found'])
    crm.state.missingDelete = 'source'
    expect([missing('company'), missing('contact')]).toEqual([
      ['', ''],
      ['ERROR_CORE', 'Element not found']
    ])
    crm.state.language = 'ru'
    expect(missing('contact')).toEqual(['ERROR_CORE', 'Элемент не найден'])
    crm.state.missingDelete = 'translated'
    expect(missing('company')).toEqual(['ERROR_CORE', 'Элемент не найден'])
    crm.state.missingDelete = 'break'
    expect(missing('company')).toEqual(['ERROR_CORE', 'Элемент не найден<br>'])
    company(crm)
    expect(crm.failure('crm.company.delete', { id: 1 }, WITHOUT_RIGHTS)).toMatchObject({
      code: '',
      text: 'Access denied.'
    })
  })

  it('deny everything to a person without CRM rights, except the field lists', () => {
    const crm = createCrm()
    company(crm)
    const params = { id: 1, fields: {} }
    for (const method of ['add', 'get', 'list', 'update', 'delete']) {
      expect(crm.failure(`crm.company.${method}`, params, WITHOUT_RIGHTS).text).toBe('Access denied.')
    }
    expect(crm.call('crm.company.fields', {}, WITHOUT_RIGHTS)).toHaveProperty('TITLE')
    expect(crm.state.counts().companies).toBe(1)
  })

  it('refuse every row for a required field, with one code in each family', () => {
    const crm = createCrm({ required: { company: ['INDUSTRY'], contact: ['EMAIL', 'POST'] } })
    expect(crm.failure('crm.company.add', { fields: { TITLE: 'A', INDUSTRY: '' } })).toEqual({
      status: 400,
      code: 'ERROR_CORE',
      text: 'The "Industry" field is required'
    })
    expect(crm.failure('crm.item.add', { entityTypeId: 4, fields: { title: 'A' } }).code).toBe(
      'CRM_FIELD_ERROR_REQUIRED'
    )
    const id = company(crm, { INDUSTRY: 'IT' })
    expect(crm.call('crm.company.update', { id, fields: { TITLE: 'B' } })).toBe(true)
    expect(crm.failure('crm.company.update', { id, fields: { INDUSTRY: '' } }).code).toBe('ERROR_CORE')
    crm.state.language = 'ru'
    const contact = (fields: object) => crm.failure('crm.contact.add', { fields }).text
    expect(contact({ NAME: 'A', POST: 'B' })).toBe('Поле "Email" обязательно для заполнения')
    expect(contact({ EMAIL: [{ VALUE: 'a@b.c' }] })).toBe('Поле "Post" обязательно для заполнения')
    expect(crm.state.counts()).toEqual({ companies: 1, contacts: 0 })
    crm.state.required = {}
    expect(crm.call('crm.contact.add', { fields: {} })).toBe(1)
  })

  it('refuse what a person has no right to, and nothing else', () => {
    const crm = createCrm()
    const id = company(crm)
    crm.state.deny(7, ['company.add', 'contact.delete', 'contact.read'])
    const denied = { status: 400, code: '', text: 'Access denied.' }
    expect(crm.failure('crm.company.add', { fields: {} })).toEqual(denied)
    expect(crm.failure('crm.item.add', { entityTypeId: 4, fields: {} }).code).toBe('ACCESS_DENIED')
    const contact = crm.call('crm.contact.add', { fields: {} })
    for (const method of ['delete', 'get', 'list']) {
      expect(crm.failure(`crm.contact.${method}`, { id: contact })).toEqual(denied)
    }
    expect(crm.failure('crm.item.list', { entityTypeId: 3 }).code).toBe('ACCESS_DENIED')
    expect(crm.call('crm.company.list')).toHaveLength(1)
    expect(crm.call('crm.company.delete', { id })).toBe(true)
    crm.state.deny(7, [])
    expect(crm.call('crm.contact.delete', { id: contact })).toBe(true)
  })

  it('reject the rows that a fault switch chooses', () => {
    const crm = createCrm()
    const id = company(crm, { TITLE: 'keep' })
    crm.state.refuse = (entity, action, row) => {
      if (entity !== 'company') return undefined
      if (action === 'add') return 'TITLE' in row && row.TITLE === 'bad' ? 'Access denied.' : undefined
      return action === 'delete' ? 'Locked' : undefined
    }
    expect(crm.failure('crm.company.add', { fields: { TITLE: 'bad' } })).toEqual({
      status: 400,
      code: '',
      text: 'Access denied.'
    })
    expect(crm.failure('crm.company.delete', { id }).text).toBe('Locked')
    crm.state.refuse = undefined
    expect(crm.call('crm.company.delete', { id })).toBe(true)
  })
})
