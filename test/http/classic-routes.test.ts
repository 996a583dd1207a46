// The classic routes when several people use them at once, and when the server stops under them.
// Must stay true: whoever comes, and however often, one run is started, and the portal holds what it says.
import { beforeAll, describe, expect, test } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { drain, eventsOf, readEvents } from '../support/event-source.ts'
import { buildPage, openSite, type Site } from '../support/site.ts'

const PUSH = '/bitrix/webhook/push-stream'
const CLEAR = '/bitrix/clear-stream'
const SLOW = { portal: { speed: { commandMs: 20, workers: 2 } } }

beforeAll(buildPage)

const listRuns = async ({ origin }: Site): Promise<RunSnapshot[]> =>
  ((await (await fetch(`${origin}/api/runs`)).json()) as { runs: RunSnapshot[] }).runs
const post = (url: string, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', headers })
const snapshotIn = (data: string | undefined): RunSnapshot => JSON.parse(data ?? '') as RunSnapshot

describe('many at once', () => {
  test('of the streams start one run; all others are told that the service is busy', async () => {
    const site = await openSite(SLOW)
    const all = await Promise.all(Array.from({ length: 12 }, () => readEvents(`${site.origin}${PUSH}?count=30`)))
    const last = all.map(events => events.at(-1)?.event)
    expect(last.filter(event => event === 'done')).toHaveLength(1)
    expect(last.filter(event => event === 'busy')).toHaveLength(11)
    expect(await listRuns(site)).toHaveLength(1)
    expect(site.portal.state.counts()).toEqual({ companies: 30, contacts: 30 })
  })

  test('of the POST routes start one run; the others get 409 with it, in the language of the page', async () => {
    const site = await openSite(SLOW)
    const first = eventsOf(`${site.origin}${PUSH}?count=60`)
    await first.next()
    for (const route of ['/bitrix/webhook/push-to-bitrix?count=5', '/bitrix/clear-bitrix']) {
      for (const [language, text] of [
        ['', 'Сервис занят, попробуйте позже'],
        ['ru-RU,en;q=0.5', 'Сервис занят, попробуйте позже'],
        ['en', 'The service is busy, try again later']
      ] as const) {
        const answer = await post(`${site.origin}${route}`, language === '' ? {} : { 'accept-language': language })
        expect(answer.status).toBe(409)
        expect(await answer.json()).toMatchObject({
          error: 'BUSY',
          error_description: text,
          run: { kind: 'create', status: 'running', total: 120 }
        })
      }
    }
    const rest = await drain(first)
    expect(rest.at(-1)?.event).toBe('done')
    expect(site.portal.state.counts()).toEqual({ companies: 60, contacts: 60 })
  })

  test('200 readers of one run all reach done, also those who come by its id', async () => {
    const site = await openSite(SLOW)
    const first = eventsOf(`${site.origin}${PUSH}?count=50`)
    const begun = await first.next()
    const id: string = begun.done === true ? '' : (begun.value.id ?? '')
    const runId = id.split('.')[0]
    const readers = Array.from({ length: 200 }, (_, index) =>
      index % 2 === 0
        ? readEvents(`${site.origin}${PUSH}`, { 'last-event-id': id })
        : readEvents(`${site.origin}/api/runs/${runId}/progress`)
    )
    const ends = (await Promise.all([...readers, drain(first)])).map(events => events.at(-1))
    for (const end of ends) {
      expect(end?.event).toBe('done')
      expect(snapshotIn(end?.data)).toMatchObject({ id: runId, status: 'completed', done: 100, total: 100 })
    }
    expect(await listRuns(site)).toHaveLength(1)
  })
})

test.each([
  ['creating', `${PUSH}?count=150`, 150],
  ['clearing', CLEAR, 0]
])(
  'an EventSource that comes back after a restart in the middle of %s learns how its run stands, and starts none',
  async (_name, path, left) => {
    const site = await openSite({
      portal: { ...SLOW.portal, seed: path === CLEAR ? { companies: 150, contacts: 150 } : {} }
    })
    let id = ''
    for await (const event of eventsOf(site.origin + path)) {
      id = event.id ?? ''
      if (Number(event.data) > 0) break
    }
    await site.stop()
    const kept = site.portal.state.counts()
    expect(kept).not.toEqual({ companies: left, contacts: left })
    await site.start()

    const attached = await readEvents(site.origin + path, { 'last-event-id': id })
    expect(attached.at(-1)?.event).toBe('failed')
    expect(snapshotIn(attached.at(-1)?.data)).toMatchObject({ status: 'interrupted' })
    expect(site.portal.state.counts()).toEqual(kept)
    const [run, ...others] = await listRuns(site)
    expect(others).toEqual([])

    expect((await post(`${site.origin}/api/runs/${run?.id}/resume`)).status).toBe(202)
    const resumed = await readEvents(site.origin + path, { 'last-event-id': id })
    expect(resumed.at(-1)?.event).toBe('done')
    const percents = resumed.filter(({ event }) => event === undefined).map(({ data }) => Number(data))
    expect(percents).toEqual([...percents].sort((a, b) => a - b))
    expect(site.portal.state.counts()).toEqual({ companies: left, contacts: left })
  }
)

test('HEAD answers without starting or holding anything', async () => {
  const site = await openSite(SLOW)
  const head = async (path: string) => (await fetch(site.origin + path, { method: 'HEAD' })).status
  expect([await head('/'), await head('/health'), await head('/bitrix/status')]).toEqual([200, 200, 200])
  for (const path of [PUSH, CLEAR, '/bitrix/webhook/push-to-bitrix', '/bitrix/clear-bitrix']) {
    expect(await head(path), path).toBe(405)
  }
  expect(await listRuns(site)).toEqual([])
  const stream = eventsOf(`${site.origin}${PUSH}?count=60`)
  const begun = await stream.next()
  const runId = begun.done === true ? '' : begun.value.id?.split('.')[0]
  expect(await head(`/api/runs/${runId}/progress`)).toBe(200)
  expect((await drain(stream)).at(-1)?.event).toBe('done')
})
