// The memory of the emulated portal: indexes, links, seeding.
// Must stay true: the indexes agree with a plain model under any sequence of changes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrderedIds } from '../../emulator/ordered-ids.ts'
import { readPortalTime } from '../../emulator/portal-time.ts'
import { createPortalState } from '../../emulator/state.ts'
import { createCrm } from './call-crm.ts'

describe('ordered ids', () => {
  it('agree with a sorted set, whatever is added and deleted', () => {
    const change = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 }))
    const bound = fc.integer({ min: 0, max: 45 })
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 120 }),
        bound,
        bound,
        fc.boolean(),
        fc.nat(10),
        (changes, low, high, descending, offset) => {
          const ids = new OrderedIds()
          const model = new Set<number>()
          for (const [add, id] of changes) {
            if (add) {
              ids.add(id)
              model.add(id)
            } else expect(ids.delete(id)).toBe(model.delete(id))
          }
          const range = [...model].filter(id => id >= low && id <= high).sort((one, other) => one - other)
          if (descending) range.reverse()
          expect(ids.slice(low, high, descending, 0, 3)).toEqual(range.slice(0, 3))
          expect(ids.slice(low, high, descending, offset, 5)).toEqual(range.slice(offset, offset + 5))
          expect(ids.count(low, high)).toBe(range.length)
          expect(ids.size).toBe(model.size)
        }
      )
    )
  })

  it('stay right after thousands of deletions in the middle', () => {
    const ids = new OrderedIds()
    for (let id = 1; id <= 5000; id += 1) ids.add(id)
    for (let id = 1000; id < 4000; id += 1) ids.delete(id)
    expect(ids.slice(998, 9999, false, 0, 4)).toEqual([998, 999, 4000, 4001])
    expect([ids.size, ids.count(1, 4000)]).toEqual([2000, 1000])
  })
})

describe('links', () => {
  it('keep both directions alike and exactly one primary, under any calls', () => {
    const id = fc.integer({ min: 1, max: 4 })
    const step = fc.oneof(
      fc.record({ do: fc.constant('put' as const), contact: id, company: id, primary: fc.boolean() }),
      fc.record({ do: fc.constant('remove' as const), contact: id, company: id, primary: fc.boolean() }),
      fc.record({ do: fc.constant('drop' as const), contact: id, company: id, primary: fc.boolean() })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const { links } = createPortalState()
        for (const { do: action, contact, company, primary } of steps) {
          if (action === 'put') links.put(contact, { companyId: company, ...(primary && { primary }) })
          else if (action === 'remove') links.remove(contact, company)
          else if (primary) links.dropCompany(company)
          else links.dropContact(contact)
        }
        for (const contactId of [1, 2, 3, 4]) {
          const own = links.ofContact(contactId)
          expect(own.filter(link => link.primary)).toHaveLength(own.length === 0 ? 0 : 1)
          const companies = own.map(link => link.companyId)
          expect(new Set(companies).size).toBe(companies.length)
          for (const companyId of [1, 2, 3, 4]) {
            const mirrored = links.ofCompany(companyId).some(link => link.contactId === contactId)
            expect(mirrored).toBe(companies.includes(companyId))
          }
        }
      })
    )
  })
})

describe('seeding', () => {
  it('fills a portal with linked records of one originator', () => {
    const crm = createCrm({ firstIds: { contact: 1001 } })
    crm.state.seed({ companies: 4, contacts: 10, originatorId: 'BITRIXCORP' })
    expect(crm.state.counts()).toEqual({ companies: 4, contacts: 10 })
    expect(crm.state.contactIdsOf(1)).toEqual([1001, 1005, 1009])
    expect(crm.call('crm.contact.get', { id: 1001 })).toMatchObject({ COMPANY_ID: '1', HAS_PHONE: 'Y' })
    expect(crm.state.withOriginTag('contact', 'BITRIXCORP', 'seed:3').map(({ id }) => id)).toEqual([1004])
  })

  it("knows the legal entities of the portal's owner, which are listed among the companies", () => {
    const crm = createCrm()
    crm.state.seed({ myCompanies: 2, companies: 3, originatorId: 'BITRIXCORP' })
    const mine = (filter: object) => crm.answer('crm.company.list', { filter }).total
    expect([mine({}), mine({ IS_MY_COMPANY: 'Y' }), mine({ IS_MY_COMPANY: 'N' })]).toEqual([5, 2, 3])
    expect([mine({ ORIGINATOR_ID: 'BITRIXCORP' }), mine({ '!IS_MY_COMPANY': 'Y' })]).toEqual([3, 3])
    expect(crm.call('crm.item.get', { entityTypeId: 4, id: 1 }).item.isMyCompany).toBe('Y')
  })

  it('takes given records and goes on after the highest id', () => {
    const crm = createCrm()
    crm.state.seed({ companies: [{ id: 50, fields: { TITLE: '<script>' } }, { id: 7 }] })
    expect(crm.state.records('company').map(({ id }) => id)).toEqual([7, 50])
    expect(crm.call('crm.company.add', { fields: {} })).toBe(51)
    expect(crm.call('crm.company.get', { id: 50 }).TITLE).toBe('<script>')
    expect(() => crm.state.seed({ companies: [{ id: 7 }] })).toThrow('id 7')
  })

  it('never gives an id twice', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 2 })
    crm.call('crm.company.delete', { id: 2 })
    expect(crm.call('crm.company.add', { fields: {} })).toBe(3)
  })
})

it('reads times in every form that a portal takes', () => {
  const noon = Date.UTC(2026, 0, 2, 9)
  for (const text of [
    '2026-01-02T12:00:00+03:00',
    '2026-01-02 12:00',
    '02.01.2026 12:00:00',
    '2026-01-02T09:00:00.5Z'
  ]) {
    expect(readPortalTime(text, 180)).toBe(noon)
  }
  expect(readPortalTime('2026-01-02', -60)).toBe(Date.UTC(2026, 0, 2, 1))
  for (const text of ['', '2026-13-01', 'tomorrow', '1e9']) expect(readPortalTime(text, 0)).toBeUndefined()
})
