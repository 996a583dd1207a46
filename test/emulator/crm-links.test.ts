// Links between companies and contacts as the classic methods write and print them.
// Must stay true: each test names the trap of protocol.md, section 9, that it keeps open.
import { describe, expect, it } from 'vitest'
import { createCrm } from './call-crm.ts'

const company = (crm: ReturnType<typeof createCrm>, fields: object = {}) => crm.call('crm.company.add', { fields })
const contact = (crm: ReturnType<typeof createCrm>, fields: object = {}) => crm.call('crm.contact.add', { fields })

describe('links', () => {
  it('takes COMPANY_IDS over COMPANY_ID and returns neither list (trap 27)', () => {
    const crm = createCrm()
    for (let at = 0; at < 3; at += 1) company(crm)
    const id = contact(crm, { COMPANY_ID: 3, COMPANY_IDS: ['2', 1, 2, 999, 'x'] })
    const row = crm.call('crm.contact.get', { id })
    expect(row.COMPANY_ID).toBe('2')
    expect(row).not.toHaveProperty('COMPANY_IDS')
    expect(crm.state.links.ofContact(id)).toEqual([
      { contactId: 1, companyId: 2, sort: 10, primary: true },
      { contactId: 1, companyId: 1, sort: 20, primary: false }
    ])
    crm.call('crm.contact.update', { id, fields: { COMPANY_ID: '3' } })
    expect(crm.state.companyIdsOf(id)).toEqual([3])
    crm.call('crm.contact.update', { id, fields: { NAME: 'x' } })
    expect(crm.state.companyIdsOf(id)).toEqual([3])
    crm.call('crm.contact.update', { id, fields: { COMPANY_ID: '' } })
    expect(crm.call('crm.contact.get', { id }).COMPANY_ID).toBeNull()
  })

  it('links contacts through CONTACT_ID of a company and does not return it (trap 27)', () => {
    const crm = createCrm()
    contact(crm)
    contact(crm)
    const id = company(crm, { CONTACT_ID: [1, '2'] })
    expect(crm.state.contactIdsOf(id)).toEqual([1, 2])
    expect(crm.call('crm.company.get', { id })).not.toHaveProperty('CONTACT_ID')
    expect(crm.call('crm.contact.get', { id: 2 }).COMPANY_ID).toBe(String(id))
    crm.call('crm.company.update', { id, fields: { CONTACT_ID: [2] } })
    expect(crm.state.contactIdsOf(id)).toEqual([2])
  })

  it('links to company 1 when a failed reference hands over a map, as PHP casts it (trap 6)', () => {
    const crm = createCrm()
    company(crm)
    company(crm)
    const id = contact(crm, { COMPANY_ID: { a: 2, b: [] }, NAME: { a: 1 }, PHONE: 'x', EMAIL: [[], 'y'] })
    expect(crm.call('crm.contact.get', { id })).toMatchObject({ COMPANY_ID: '1', NAME: null, LAST_NAME: 'Contact #1' })
    const empty = contact(crm, { COMPANY_ID: [] })
    expect(crm.call('crm.contact.get', { id: empty }).COMPANY_ID).toBeNull()
  })

  it('leaves the contacts of a deleted company and points them to the lowest company left (trap 28)', () => {
    const crm = createCrm()
    for (let at = 0; at < 3; at += 1) company(crm)
    const many = contact(crm, { COMPANY_IDS: [1, 3, 2] })
    const one = contact(crm, { COMPANY_ID: 1 })
    expect(crm.call('crm.company.delete', { id: 1 })).toBe(true)
    expect(crm.call('crm.contact.get', { id: many }).COMPANY_ID).toBe('2')
    expect(crm.call('crm.contact.get', { id: one }).COMPANY_ID).toBeNull()
    crm.call('crm.contact.delete', { id: many })
    expect(crm.state.counts()).toEqual({ companies: 2, contacts: 1 })
    expect(crm.state.contactIdsOf(2)).toEqual([])
  })
})
