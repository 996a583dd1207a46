// crm.company.list and crm.contact.list of the emulated portal: filters, order, selection, pages.
// Must stay true: each test names the trap of protocol.md, section 9, that it keeps open.
import { describe, expect, it } from 'vitest'
import type { PhpParams } from '../../emulator/method.ts'
import { createCrm } from './call-crm.ts'

const ids = (crm: ReturnType<typeof createCrm>, params: PhpParams, entity = 'company') =>
  crm.call(`crm.${entity}.list`, params).map((row: { ID: string }) => Number(row.ID))

function withCompanies(...records: Record<string, string>[]) {
  const crm = createCrm()
  crm.state.seed({ companies: records.map(fields => ({ fields })) })
  return crm
}

describe('pages', () => {
  it('hold 50 rows, with next and total', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 120 })
    const first = crm.answer('crm.company.list')
    expect(first).toMatchObject({ next: 50, total: 120 })
    expect(first.result).toHaveLength(50)
    const last = crm.answer('crm.company.list', { start: '100' })
    expect(last.result).toHaveLength(20)
    expect(last).not.toHaveProperty('next')
    expect(crm.answer('crm.company.list', { start: 500 })).toEqual({ result: [], total: 120 })
    expect(createCrm().answer('crm.contact.list')).toEqual({ result: [], total: 0 })
  })

  it('floor start to a page, and deleting while paging by offset skips rows (trap 10)', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 120 })
    expect(ids(crm, { start: 10 })[0]).toBe(1)
    expect(ids(crm, { start: 99 })[0]).toBe(51)
    for (const id of ids(crm, { start: 0 })) crm.call('crm.company.delete', { id })
    expect(ids(crm, { start: 50 })[0]).toBe(101)
    expect(ids(crm, { filter: { '>ID': 50 }, order: { ID: 'ASC' }, start: -1 })[0]).toBe(51)
  })

  it('are not counted with start=-1: total is 0 and next is absent (trap 9)', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 60 })
    for (const start of [-1, '-1', -50]) {
      const answer = crm.answer('crm.company.list', { start })
      expect(answer.result).toHaveLength(50)
      expect(answer.total).toBe(0)
      expect(answer).not.toHaveProperty('next')
    }
  })
})

describe('filters', () => {
  it('drop an unknown field and so match everything (trap 2)', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 3 })
    expect(ids(crm, { filter: { ORIGINATOR: 'X', '?TITLE': 'x', contact_id: 1, CONTACT_ID: 1, logic: 'OR' } })).toEqual(
      [1, 2, 3]
    )
    expect(ids(crm, { filter: { '@ID': [] } })).toEqual([1, 2, 3])
  })

  it('compare ids, given as text or number', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 6 })
    expect(ids(crm, { filter: { '>ID': '2', '<=ID': 5 } })).toEqual([3, 4, 5])
    expect(ids(crm, { filter: { '>=ID': 5 } })).toEqual([5, 6])
    expect(ids(crm, { filter: { '<ID': '3' }, order: { ID: 'desc' } })).toEqual([2, 1])
    expect(ids(crm, { filter: { ID: ['4', 2, 99, 'x'] } })).toEqual([2, 4])
    expect(ids(crm, { filter: { '@ID': { a: 3 }, '>ID': 1 } })).toEqual([3])
    expect(ids(crm, { filter: { '!ID': [1, 2, 3] } })).toEqual([4, 5, 6])
    expect(ids(crm, { filter: { '%ID': '2' } })).toEqual([2])
    expect(ids(crm, { filter: { '!=ID': 1, '!@ID': [2, 3, 4, 5] } })).toEqual([6])
  })

  it('find records by origin tag', () => {
    const crm = withCompanies(
      { ORIGINATOR_ID: 'BITRIXCORP', ORIGIN_ID: 'run:1' },
      { ORIGINATOR_ID: 'OTHER', ORIGIN_ID: 'run:1' },
      { ORIGINATOR_ID: 'BITRIXCORP', ORIGIN_ID: 'run:2' },
      {}
    )
    const find = (filter: object) => {
      const answer = crm.answer('crm.company.list', { filter, select: ['ID'] })
      expect(answer.total).toBe((answer.result as unknown[]).length)
      return ids(crm, { filter })
    }
    expect(find({ ORIGINATOR_ID: 'BITRIXCORP' })).toEqual([1, 3])
    expect(find({ '=ORIGINATOR_ID': 'BITRIXCORP', '>ID': 1 })).toEqual([3])
    expect(find({ ORIGINATOR_ID: 'BITRIXCORP', ORIGIN_ID: ['run:2', 'run:1', 'run:9'] })).toEqual([1, 3])
    expect(find({ '@ORIGIN_ID': { n: 'run:1' } })).toEqual([1, 2])
    expect(find({ ORIGINATOR_ID: 'BITRIXCORP', '%ORIGIN_ID': 'N:' })).toEqual([1, 3])
    expect(find({ '=%ORIGIN_ID': 'run:_' })).toEqual([1, 2, 3])
    expect(find({ '%=ORIGIN_ID': '%:2' })).toEqual([3])
    expect(find({ ORIGINATOR_ID: '' })).toEqual([4])
    expect(find({ '!ORIGINATOR_ID': '' })).toEqual([1, 2, 3])
    expect(find({ '!ORIGINATOR_ID': 'BITRIXCORP' })).toEqual([2, 4])
    expect(find({ ORIGINATOR_ID: ['BITRIXCORP', 'OTHER'] })).toEqual([1, 2, 3])
    expect(find({ ORIGINATOR_ID: 'NOBODY' })).toEqual([])
    crm.call('crm.company.delete', { id: 1 })
    expect(find({ ORIGINATOR_ID: 'BITRIXCORP' })).toEqual([3])
    expect(find({ ORIGIN_ID: 'run:1' })).toEqual([2])
  })

  it('treat the pattern characters of a substring as text', () => {
    const crm = withCompanies({ TITLE: '100% (a+b)' }, { TITLE: '100 a' })
    expect(ids(crm, { filter: { '%TITLE': '% (A+' } })).toEqual([1])
    expect(ids(crm, { filter: { '=%TITLE': '100% (a+b)' } })).toEqual([1])
    expect(ids(crm, { filter: { '!%TITLE': '(' } })).toEqual([2])
  })

  it('compare times with or without an offset, and match phones exactly', () => {
    const crm = createCrm()
    const add = (DATE_CREATE: string, phone: string) =>
      crm.call('crm.company.add', { fields: { DATE_CREATE, PHONE: [{ VALUE: phone }] }, params: { IMPORT: 1 } })
    add('2026-01-01T00:00:00+03:00', '+7001')
    add('2026-01-02T00:00:00+03:00', '+70012')
    expect(ids(crm, { filter: { '>DATE_CREATE': '2026-01-01' } })).toEqual([2])
    expect(ids(crm, { filter: { '>=DATE_CREATE': '2025-12-31T21:00:00Z' } })).toEqual([1, 2])
    expect(ids(crm, { filter: { '<DATE_CREATE': '01.01.2026 12:00' } })).toEqual([1])
    expect(ids(crm, { filter: { '<DATE_CREATE': 'yesterday' } })).toEqual([])
    expect(ids(crm, { filter: { PHONE: '+7001' } })).toEqual([1])
    expect(ids(crm, { filter: { '%PHONE': '+7001' } })).toEqual([1])
    expect(ids(crm, { filter: { '!PHONE': '+7001', HAS_PHONE: 'Y' } })).toEqual([2])
  })

  it('find the contacts of a company', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 3, contacts: 7 })
    expect(ids(crm, { filter: { COMPANY_ID: '2' } }, 'contact')).toEqual([2, 5])
    expect(ids(crm, { filter: { COMPANY_ID: [1, 2], '>ID': 2 } }, 'contact')).toEqual([4, 5, 7])
    expect(ids(crm, { filter: { '!COMPANY_ID': 1 } }, 'contact')).toEqual([2, 3, 5, 6])
    crm.call('crm.company.delete', { id: 2 })
    expect(ids(crm, { filter: { COMPANY_ID: '' } }, 'contact')).toEqual([2, 5])
  })

  it('survive arrays and other garbage in any place', () => {
    const crm = createCrm()
    crm.state.seed({ companies: 2 })
    const garbage = [[], {}, [[1]], { a: { b: [] } }, true, null, 'x', -1, 1e300, Number.NaN]
    for (const value of garbage) {
      for (const key of [
        'ID',
        '>ID',
        '%TITLE',
        '=%TITLE',
        '!TITLE',
        'ORIGIN_ID',
        '>DATE_CREATE',
        'PHONE',
        '@ORIGINATOR_ID'
      ]) {
        expect(
          crm.call('crm.company.list', { filter: { [key]: value }, start: value, select: [value] })
        ).toBeInstanceOf(Array)
      }
      expect(crm.call('crm.company.list', { order: { ID: value, TITLE: value } })).toHaveLength(2)
    }
  })
})

describe('order and select', () => {
  it('sort by fields, empty values first, then by id', () => {
    const crm = withCompanies(
      { TITLE: 'b', REVENUE: '9' },
      { TITLE: 'a', REVENUE: '10' },
      { TITLE: 'B' },
      { INDUSTRY: 'X' }
    )
    expect(ids(crm, { order: { TITLE: 'ASC' } })).toEqual([4, 2, 1, 3])
    expect(ids(crm, { order: { TITLE: 'DESC', ID: 'DESC' } })).toEqual([3, 1, 2, 4])
    expect(ids(crm, { order: { REVENUE: 'DESC' }, start: -1 })).toEqual([2, 1, 3, 4])
    expect(ids(crm, { order: { NONSENSE: 'DESC' } })).toEqual([1, 2, 3, 4])
  })

  it('always return ID; * leaves out user fields and multifields', () => {
    const crm = createCrm()
    crm.state.seed({ companies: [{ fields: { TITLE: 'A' }, phones: ['+7'] }, { fields: { TITLE: 'B' } }] })
    const keys = (select: unknown) => crm.call('crm.company.list', { select }).map(Object.keys)
    expect(keys(['TITLE'])).toEqual([
      ['TITLE', 'ID'],
      ['TITLE', 'ID']
    ])
    expect(keys(['PHONE', 'ID', 'TITLE', 'NONSENSE'])).toEqual([
      ['ID', 'TITLE', 'PHONE'],
      ['ID', 'TITLE']
    ])
    const [all] = keys(undefined)
    const [star] = keys(['*'])
    expect(all).toContain('UF_CRM_1687188367')
    expect(star).not.toContain('UF_CRM_1687188367')
    expect(all).not.toContain('PHONE')
    expect(keys(['UF_*'])[0]).toEqual(['ID', 'UF_CRM_1687188367'])
    expect(crm.call('crm.company.list', { select: ['ID'] })).toEqual([{ ID: '1' }, { ID: '2' }])
  })
})

describe('totals that lie', () => {
  const METHODS = ['crm.company.list', 'crm.item.list'] as const
  const told = (crm: ReturnType<typeof createCrm>, method: string, start = 0) => {
    const { total, next } = crm.answer(method, { entityTypeId: 4, start })
    return [total, next]
  }

  it.each(METHODS)('%s can leave them out, be a little off, or always say 50', method => {
    const crm = createCrm()
    crm.state.seed({ companies: 104 })
    expect(told(crm, method)).toEqual([104, 50])
    crm.state.totals = 'missing'
    expect([told(crm, method), told(crm, method, -1)]).toEqual([
      [undefined, undefined],
      [undefined, undefined]
    ])
    crm.state.totals = 'fifty'
    expect([told(crm, method), told(crm, method, 100)]).toEqual([
      [50, undefined],
      [50, undefined]
    ])
    crm.state.totals = 'off'
    expect(told(crm, method)).toEqual([106, 50])
    crm.state.seed({ companies: 1 })
    expect(told(crm, method, 50)).toEqual([103, 100])
  })

  it.each(METHODS)('%s can be up to 5 s behind, by filter', method => {
    const crm = createCrm({ totals: 'stale' })
    crm.state.seed({ companies: 60 })
    const at = (seconds: number) => crm.state.tellTotal('company {"a":1}', seconds, seconds * 1000)
    expect([at(0), at(4.9), at(5), at(9)]).toEqual([0, 0, 5, 5])
    expect(told(crm, method)).toEqual([60, 50])
    crm.state.seed({ companies: 60 })
    expect(told(crm, method)).toEqual([60, 50])
    expect(told(crm, method, 50)).toEqual([60, undefined])
    expect(crm.call('crm.company.list', { start: 50 })).toHaveLength(50)
  })
})
