// crm.contact.company.* and crm.company.contact.* of the emulated portal.
// Must stay true: each test names the trap of protocol.md, section 9, that it keeps open.
import { expect, it } from 'vitest'
import { createCrm, WITHOUT_RIGHTS } from './call-crm.ts'

function linked() {
  const crm = createCrm()
  crm.state.seed({ companies: 3, contacts: [{ companyIds: [2] }, {}] })
  return crm
}

it('prints links with ints, ordered by SORT (trap 8)', () => {
  const crm = linked()
  crm.call('crm.contact.company.add', { id: '1', fields: { COMPANY_ID: '3', SORT: '5' } })
  expect(crm.call('crm.contact.company.items.get', { id: 1 })).toEqual([
    { COMPANY_ID: 3, SORT: 5, ROLE_ID: 0, IS_PRIMARY: 'N' },
    { COMPANY_ID: 2, SORT: 10, ROLE_ID: 0, IS_PRIMARY: 'Y' }
  ])
  expect(crm.call('crm.company.contact.items.get', { id: 3 })).toEqual([
    { CONTACT_ID: 1, SORT: 5, ROLE_ID: 0, IS_PRIMARY: 'N' }
  ])
})

it('adds once, and the new primary replaces the old one', () => {
  const crm = linked()
  const add = (fields: object) => crm.call('crm.contact.company.add', { id: 1, fields })
  expect(add({ COMPANY_ID: 1, IS_PRIMARY: 'Y' })).toBe(true)
  expect(add({ COMPANY_ID: 1 })).toBe(false)
  expect(crm.call('crm.contact.get', { id: 1 }).COMPANY_ID).toBe('1')
  expect(crm.call('crm.contact.company.delete', { id: 1, fields: { COMPANY_ID: 1 } })).toBe(true)
  expect(crm.call('crm.contact.company.delete', { id: 1, fields: { COMPANY_ID: 1 } })).toBe(false)
  expect(crm.call('crm.contact.get', { id: 1 }).COMPANY_ID).toBe('2')
})

it('replaces the whole set, from either side', () => {
  const crm = linked()
  const items = [{ COMPANY_ID: 3 }, { COMPANY_ID: 1, IS_PRIMARY: 'Y' }, { COMPANY_ID: 3 }, { COMPANY_ID: 77 }, 'x']
  expect(crm.call('crm.contact.company.items.set', { id: 1, items })).toBe(true)
  expect(crm.call('crm.contact.company.items.get', { id: 1 })).toEqual([
    { COMPANY_ID: 3, SORT: 10, ROLE_ID: 0, IS_PRIMARY: 'N' },
    { COMPANY_ID: 1, SORT: 20, ROLE_ID: 0, IS_PRIMARY: 'Y' },
    { COMPANY_ID: 77, SORT: 30, ROLE_ID: 0, IS_PRIMARY: 'N' }
  ])
  expect(crm.call('crm.company.contact.items.set', { id: 3, items: [{ CONTACT_ID: 2 }] })).toBe(true)
  expect(crm.state.companyIdsOf(1)).toEqual([1, 77])
  expect(crm.state.companyIdsOf(2)).toEqual([3])
  expect(crm.call('crm.contact.company.items.set', { id: 1, items: [] })).toBe(true)
  expect(crm.call('crm.contact.company.items.get', { id: 1 })).toEqual([])
  expect(crm.call('crm.company.contact.items.delete', { id: 3 })).toBe(true)
  expect(crm.state.companyIdsOf(2)).toEqual([])
})

it('links to what does not exist, without a word (fidelity, F13)', () => {
  const crm = linked()
  expect(crm.call('crm.contact.company.add', { id: 2, fields: { COMPANY_ID: 99 } })).toBe(true)
  expect(crm.call('crm.contact.get', { id: 2 }).COMPANY_ID).toBe('99')
  expect(crm.call('crm.company.contact.items.get', { id: 99 })).toMatchObject([{ CONTACT_ID: 2 }])
})

it('describes its fields', () => {
  expect(Object.keys(createCrm().call('crm.contact.company.fields'))).toEqual(['SORT', 'IS_PRIMARY', 'COMPANY_ID'])
  expect(createCrm().call('crm.company.contact.fields').CONTACT_ID).toMatchObject({ isRequired: true })
})

it('fails with the texts of the portal', () => {
  const crm = linked()
  const text = (method: string, params: object) => crm.failure(method, { ...params }).text
  expect(text('crm.contact.company.add', {})).toBe("The parameter 'ownerEntityID' is invalid or not defined.")
  expect(text('crm.contact.company.items.get', { id: 0 })).toBe(
    'The parameter ownerEntityID is invalid or not defined.'
  )
  expect(text('crm.contact.company.add', { id: 1 })).toBe("The parameter 'fields' must be array.")
  expect(text('crm.contact.company.delete', { id: 1 })).toBe("The parameter 'item' must be array.")
  expect(text('crm.contact.company.add', { id: 1, fields: {} })).toBe("The parameter 'fields' is not valid.")
  expect(text('crm.company.contact.items.set', { id: 1 })).toBe('The parameter items must be array.')
  expect(text('crm.contact.company.add', { id: 99, fields: { COMPANY_ID: 1 } })).toBe('Not found.')
  expect(crm.call('crm.contact.company.items.get', { id: 99 })).toEqual([])
  expect(crm.failure('crm.contact.company.items.get', { id: 1 }, WITHOUT_RIGHTS)).toEqual({
    status: 403,
    code: 'ACCESS_DENIED',
    text: 'Access denied!'
  })
})
