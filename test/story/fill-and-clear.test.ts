// The main job through the public door: fill a CRM, count it record by record, clear it again.
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { beforeAll, describe, expect, it } from 'vitest'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

/** All events of a stream, to its end. */
const readStream = async (url: string): Promise<EventSourceMessage[]> => {
  const events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: event => events.push(event) })
  const response = await fetch(url)
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
  return events
}

/** Percents never fall, end with 100, and then comes `done`. Answers the final snapshot. */
const expectPercents = (events: readonly EventSourceMessage[]): RunSnapshot => {
  const percents = events.filter(({ event }) => event === undefined).map(({ data }) => data)
  for (const text of percents) expect(text).toMatch(/^\d{1,3}$/)
  const numbers = percents.map(Number)
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  expect(numbers.at(-1)).toBe(100)
  expect(events.at(-1)?.event).toBe('done')
  return JSON.parse(events.at(-1)?.data ?? '') as RunSnapshot
}

const expectFilled = ({ state }: EmulatedPortal, count: number, runId: string): void => {
  const companies = state.records('company')
  const contacts = state.records('contact')
  expect([companies.length, contacts.length]).toEqual([count, count])
  const phones = new Set([...companies, ...contacts].map(({ multifields }) => multifields[0]?.value))
  expect(phones.size).toBe(2 * count)
  const companyIdByRow = new Map(companies.map(({ id, values }) => [values['ORIGIN_ID'], id]))
  expect(new Set(contacts.map(({ values }) => values['ORIGIN_ID'])).size).toBe(count)
  for (const { id, values, multifields } of contacts) {
    for (const field of ['LAST_NAME', 'NAME', 'SECOND_NAME'])
      expect(String(values[field]).length, field).toBeGreaterThan(1)
    expect(multifields[0]?.value).toMatch(/^\+\d{11}$/)
    expect(values['ORIGINATOR_ID']).toBe('BITRIXCORP')
    const row = Number(String(values['ORIGIN_ID']).split(':')[1])
    expect(values['ORIGIN_ID']).toBe(`${runId}:${row}`)
    expect(state.companyIdsOf(id)).toEqual([companyIdByRow.get(`${runId}:${row - count}`)])
  }
}

describe('create and clear', () => {
  it.each([1, 7, 100, 333])('makes exactly %i companies and contacts, and leaves none', async count => {
    const { origin, portal } = await openSite()
    const made = expectPercents(await readStream(`${origin}/bitrix/webhook/push-stream?count=${count}`))
    expect(made).toMatchObject({ status: 'completed', total: 2 * count, done: 2 * count, failed: 0 })
    expectFilled(portal, count, made.id)
    const cleared = expectPercents(await readStream(`${origin}/bitrix/clear-stream`))
    expect(cleared.deleted).toEqual({ companies: count, contacts: count })
    expect(portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
    expectPercents(await readStream(`${origin}/bitrix/clear-stream`)) // nothing left is fine, too
  })

  it('does the same by the POST routes, within the limits of a standard portal', async () => {
    const { origin, portal } = await openSite({
      portal: { plan: 'standard', bucket: { on: true }, speed: { commandMs: 5, workers: 4 } },
      settings: { BITRIX_RATE: '2', BITRIX_BURST: '50' }
    })
    const made = await fetch(`${origin}/bitrix/webhook/push-to-bitrix`, { method: 'POST' })
    expect(made.status).toBe(200)
    expectFilled(portal, 100, ((await made.json()) as RunSnapshot).id)
    const cleared = await fetch(`${origin}/bitrix/clear-bitrix`, { method: 'POST' })
    expect(cleared.status).toBe(200)
    expect(portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
    expect(portal.stats.answers[503] ?? 0).toBe(0)
  })

  it('gives the same names for the same seed', async () => {
    const { origin, portal } = await openSite()
    const create = async (): Promise<string[]> => {
      const body = JSON.stringify({ kind: 'create', companies: 5, contacts: 9, seed: 42, locale: 'en' })
      const headers = { 'Content-Type': 'application/json' }
      const started = await fetch(`${origin}/api/runs`, { method: 'POST', headers, body })
      expect(started.status).toBe(202)
      await readStream(`${origin}${started.headers.get('location')}/progress`)
      const names = portal.state.records('contact').map(({ values }) => `${values['LAST_NAME']} ${values['NAME']}`)
      await readStream(`${origin}/bitrix/clear-stream`)
      return names.sort()
    }
    const first = await create()
    expect(first).toHaveLength(9)
    expect(await create()).toEqual(first)
  })
})

describe('a large portal', () => {
  it('opens the page and pages of 10 000 records with a handful of requests', async () => {
    const { origin, portal } = await openSite({ portal: { seed: { companies: 10_000, contacts: 10_000 } } })
    const before = portal.stats.requests
    expect(await (await fetch(origin)).text()).toContain('10')
    expect(portal.stats.requests - before).toBeLessThanOrEqual(4)
    const page = (await (await fetch(`${origin}/api/contacts?limit=50`)).json()) as {
      items: unknown[]
      next: number
      total: number
    }
    expect(page).toMatchObject({ total: 10_000 })
    expect(page.items).toHaveLength(50)
    const next = (await (await fetch(`${origin}/api/contacts?after=${page.next}`)).json()) as {
      items: { id: number }[]
    }
    expect(next.items[0]?.id).toBeGreaterThan(page.next)
    expect(portal.stats.requests - before).toBeLessThanOrEqual(8)
  })
})

describe('a portal that does not play along', () => {
  const troubles: [name: string, url: (portal: EmulatedPortal) => string, code: RegExp][] = [
    ['is not there', () => 'http://127.0.0.1:9/rest/1/abcdefghij/', /UNREACHABLE/],
    [
      'does not know the webhook',
      portal => portal.webhookUrl.replace(/[^/]+\/$/, 'wrongsecret1/'),
      /INVALID_CREDENTIALS/
    ],
    ['gives the webhook no CRM right', portal => portal.webhook({ scope: ['user'] }), /insufficient_scope/i]
  ]
  it.each(troubles)('%s: page and routes say what is wrong', async (_name, url, code) => {
    const { origin, portal, stop, start } = await openSite()
    await stop()
    await start({ BITRIX_WEBHOOK_URL: url(portal) })
    const page = await fetch(origin)
    expect(page.status).toBe(200)
    const table = await fetch(`${origin}/api/companies`)
    expect(table.status).toBe(502)
    expect((await table.json()) as object).toMatchObject({
      error: expect.stringMatching(code),
      error_description: expect.any(String)
    })
    const events = await readStream(`${origin}/bitrix/webhook/push-stream?count=3`)
    expect(events.at(-1)?.event).toBe('failed')
    const { failure } = JSON.parse(events.at(-1)?.data ?? '') as RunSnapshot
    expect(failure?.code).toMatch(code)
    expect((await fetch(`${origin}/health`)).status).toBe(200)
    expect(portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
  })

  it('answers HTML: nothing is made twice, and the run goes on when it answers again', async () => {
    const { origin, portal } = await openSite({ settings: { BITRIX_REQUEST_SECONDS: '0.5' } })
    portal.faults.next('html-502', { times: 3 })
    const made = expectPercents(await readStream(`${origin}/bitrix/webhook/push-stream?count=20`))
    expectFilled(portal, 20, made.id)
  })

  it.each(['html-403', 'html-429'] as const)(
    'answers %s when it has done its work: nothing is made twice, also by whoever resumes',
    async kind => {
      const { origin, portal } = await openSite({ settings: { BITRIX_REQUEST_SECONDS: '0.5' } })
      portal.faults.next(kind, { when: ({ commands }) => commands.includes('crm.contact.add') })
      const first = (await readStream(`${origin}/bitrix/webhook/push-stream?count=20`)).at(-1)
      const { id, status } = JSON.parse(first?.data ?? '') as RunSnapshot
      if (status !== 'completed') {
        await fetch(`${origin}/api/runs/${id}/resume`, { method: 'POST' })
        const statusNow = async () => ((await (await fetch(`${origin}/api/runs/${id}`)).json()) as RunSnapshot).status
        await expect.poll(statusNow, { timeout: 10_000 }).toBe('completed')
      }
      expect(portal.faults.log.counts[kind]).toBe(1)
      expectFilled(portal, 20, id)
    }
  )
})
