// The classic routes as a person with curl or an EventSource meets them, over the emulated portal.
// Must stay true: a run is started once; its progress never falls; what is said at the end is what is in the portal.
import { describe, expect, test } from 'vitest'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

const PUSH = '/bitrix/webhook/push-stream'
const CLEAR = '/bitrix/clear-stream'
const JSON_TYPE = { 'content-type': 'application/json' }
const SLOW = { portal: { speed: { commandMs: 60, workers: 2 } } }

const start = (app: HttpApp, body: object) =>
  app.send('/api/runs', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })

/** Opens a stream and leaves when `enough` says so; what was read. */
const peek = async (app: HttpApp, path: string, enough: (text: string) => boolean): Promise<string> => {
  const controller = new AbortController()
  const response = await fetch(app.origin + path, { signal: controller.signal })
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (enough(text)) break
  }
  controller.abort()
  return text
}

describe('the streams', () => {
  test('say whole percents that never fall, 100, then done with the snapshot', async () => {
    const app = await openHttpApp()
    for (const [path, kind, left] of [
      [`${PUSH}?count=7`, 'create', 7],
      [CLEAR, 'clear', 0],
      [CLEAR, 'clear', 0]
    ] as const) {
      const events = await app.events(path)
      const percents = events.filter(({ event }) => event === undefined).map(({ data }) => data)
      expect(percents.every(text => /^(\d|[1-9]\d|100)$/.test(text))).toBe(true)
      expect(percents.map(Number)).toEqual([...new Set(percents.map(Number))].sort((a, b) => a - b))
      expect(percents.at(-1)).toBe('100')
      expect(events.slice(percents.length).map(({ event }) => event)).toEqual(['done'])
      expect(JSON.parse(events.at(-1)?.data ?? '')).toMatchObject({
        kind,
        status: 'completed',
        percent: 100,
        failed: 0
      })
      expect(await app.count()).toEqual({ companies: left, contacts: left })
    }
  })

  test('end with failed when the portal cannot be reached, and say what to do', async () => {
    const app = await openHttpApp()
    app.portal.removeWebhook(app.portal.webhookUrl)
    const events = await app.events(`${PUSH}?count=1`)
    expect(events.at(-1)?.event).toBe('failed')
    const snapshot = JSON.parse(events.at(-1)?.data ?? '')
    expect(snapshot).toMatchObject({
      status: 'failed',
      failure: { code: expect.any(String), message: expect.any(String) }
    })
    expect(JSON.stringify(events)).not.toContain(new URL(app.portal.webhookUrl).pathname.split('/')[3])
  })

  test('left by their reader go on, and a reader who comes back is attached to the same run', async () => {
    const app = await openHttpApp(SLOW)
    const text = await peek(app, `${PUSH}?count=60`, read => read.includes('data: '))
    const id = /^id: (.+)$/m.exec(text)?.[1] ?? ''
    const [byHeader, byQuery] = await Promise.all([
      app.events(`${PUSH}?count=60`, { 'last-event-id': id }),
      app.events(`${PUSH}?count=60&lastEventId=${id}`)
    ])
    for (const events of [byHeader, byQuery]) {
      expect(events.at(-1)?.event).toBe('done')
      expect(JSON.parse(events.at(-1)?.data ?? '')).toMatchObject({ status: 'completed', created: { companies: 60 } })
    }
    // Also long after the end.
    const again = await app.events(`${PUSH}?count=60`, { 'last-event-id': byHeader.at(-1)?.id ?? '' })
    expect(again.map(({ event, data }) => event ?? data)).toEqual(['100', 'done'])
    expect((await app.send('/api/runs')).body.runs).toHaveLength(1)
    expect(await app.count()).toEqual({ companies: 60, contacts: 60 })
  })

  test('tell who comes while a run is on that the service is busy, in the language of the page, and never start one for them later', async () => {
    const app = await openHttpApp(SLOW)
    expect((await start(app, { kind: 'create', companies: 60 })).status).toBe(202)
    const texts = [
      [{}, '', 'Сервис занят, попробуйте позже'],
      [{ 'accept-language': 'de' }, '', 'Сервис занят, попробуйте позже'],
      [{ 'accept-language': 'en-US,en;q=0.9' }, '', /busy/i],
      [{ 'accept-language': 'ru' }, 'lang=en', /busy/i]
    ] as const
    for (const [headers, query, text] of texts) {
      for (const path of [PUSH, CLEAR]) {
        const events = await app.events(`${path}?${query}`, headers)
        expect(events).toHaveLength(1)
        expect(events[0]?.event).toBe('busy')
        const expected = typeof text === 'string' ? text : expect.stringMatching(text)
        expect(JSON.parse(events[0]?.data ?? '')).toEqual({ error: 'BUSY', error_description: expected })
        const back = await app.send(path, { headers: { 'last-event-id': events[0]?.id ?? '' } })
        expect([back.status, back.text]).toEqual([204, ''])
      }
    }
    const posted = await app.send('/bitrix/clear-bitrix', { method: 'POST' })
    expect([posted.status, posted.body.error, posted.body.run.status]).toEqual([409, 'BUSY', 'running'])
    expect((await start(app, { kind: 'clear' })).body).toMatchObject({ error: 'BUSY', run: { status: 'running' } })
    expect((await app.send('/bitrix/status')).body).toMatchObject({ busy: true, run: { kind: 'create' } })
    expect((await app.send('/api/runs')).body.runs).toHaveLength(1)
  })
})

describe('the POST routes', () => {
  test('answer at the end with the final snapshot', async () => {
    const app = await openHttpApp()
    const created = await app.send('/bitrix/webhook/push-to-bitrix?count=3', { method: 'POST' })
    expect(created.status).toBe(200)
    expect(created.body).toMatchObject({ status: 'completed', total: 6, created: { companies: 3, contacts: 3 } })
    const cleared = await app.send('/bitrix/clear-bitrix', { method: 'POST' })
    expect(cleared.body).toMatchObject({ status: 'completed', deleted: { companies: 3, contacts: 3 } })
  })

  test('answer RUN_FAILED with the run when it failed', async () => {
    const app = await openHttpApp()
    app.portal.removeWebhook(app.portal.webhookUrl)
    const answer = await app.send('/bitrix/webhook/push-to-bitrix?count=3', { method: 'POST' })
    expect(answer.status).toBe(502)
    expect(answer.body).toMatchObject({ error: 'RUN_FAILED', run: { status: 'failed' } })
    expect(answer.body.error_description).toBe(answer.body.run.failure.message)
  })
})

describe('the API of runs', () => {
  test('starts, shows, follows, cancels and resumes a run', async () => {
    const app = await openHttpApp(SLOW)
    const started = await start(app, { kind: 'create', companies: 40, contacts: 80, seed: 7, locale: 'ru' })
    expect([started.status, started.headers.location]).toEqual([202, `/api/runs/${started.body.id}`])
    const path = `/api/runs/${started.body.id}`
    await peek(app, `${path}/progress`, text => text.includes('event: progress'))
    expect((await app.send(`${path}/cancel`, { method: 'POST' })).status).toBe(202)
    const followed = await app.events(`${path}/progress`)
    expect(followed.at(-1)?.event).toBe('done')
    expect(JSON.parse(followed.at(-1)?.data ?? '').status).toBe('cancelled')
    expect((await app.send(`${path}/cancel`, { method: 'POST' })).body.error).toBe('NOT_ACTIVE')
    expect((await app.send(`${path}/retry`, { method: 'POST' })).body.error).toBe('NOTHING_TO_RETRY')
    expect((await app.send(`${path}/resume`, { method: 'POST' })).status).toBe(202)
    const resumed = await app.events(`${path}/progress`)
    expect(JSON.parse(resumed.at(-1)?.data ?? '')).toMatchObject({ status: 'completed', total: 120, done: 120 })
    expect((await app.send(path)).body).toEqual(JSON.parse(resumed.at(-1)?.data ?? ''))
    expect(await app.count()).toEqual({ companies: 40, contacts: 80 })
    expect((await app.send(`${path}/resume`, { method: 'POST' })).body.error).toBe('NOT_RESUMABLE')
  })

  test('clears everything when the portal is named, and only its own otherwise', async () => {
    const app = await openHttpApp({ portal: { seed: { companies: 3, contacts: 4 } } })
    await app.send('/bitrix/webhook/push-to-bitrix?count=2', { method: 'POST' })
    const own = await start(app, { kind: 'clear' })
    await app.events(`/api/runs/${own.body.id}/progress`)
    expect(await app.count()).toEqual({ companies: 3, contacts: 4 })
    const all = await start(app, { kind: 'clear', scope: 'all', confirm: app.portal.host })
    await app.events(`/api/runs/${all.body.id}/progress`)
    expect(await app.count()).toEqual({ companies: 0, contacts: 0 })
  })

  test('gives rejected rows as a table that no spreadsheet takes for formulas', async () => {
    const app = await openHttpApp()
    app.portal.faults.next('access-denied', { times: 50 })
    const { body } = await app.send('/bitrix/webhook/push-to-bitrix?count=2', { method: 'POST' })
    const answer = await app.send(`/api/runs/${body.id}/rejections.csv`)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect(answer.headers['content-disposition']).toContain('attachment')
    const [head, ...rows] = answer.text.trimEnd().split('\r\n')
    expect(head).toBe('\uFEFF"entity","row","code","message"')
    expect(body).toMatchObject({ status: 'completed', failed: 4 })
    expect(rows).toHaveLength(4)
    expect(rows.every(row => /^"(company|contact)","\d","[A-Z_]*","[^"]+"$/.test(row))).toBe(true)
  })
})

test('a server that stops ends its streams cleanly', async () => {
  const app = await openHttpApp(SLOW)
  const { body } = await start(app, { kind: 'create', companies: 100 })
  const percents = app.events(PUSH, { 'last-event-id': `${body.id}.0` })
  const snapshots = app.events(`/api/runs/${body.id}/progress`)
  await peek(app, `/api/runs/${body.id}/progress`, text => text.includes('event: progress'))
  await app.runs.stop()
  expect((await percents).at(-1)?.event).toBe('failed')
  expect(JSON.parse((await snapshots).at(-1)?.data ?? '')).toMatchObject({ status: 'interrupted' })
})
