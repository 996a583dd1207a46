// The addresses of the streams, opened as pages: by a link, by the address bar, by a reload.
// Must stay true: nothing is started by that; what programs, EventSource and fetch ask for starts as ever.
import { afterEach, describe, expect, test } from 'vitest'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

const STREAMS = ['/bitrix/webhook/push-stream?count=3', '/bitrix/clear-stream', '/BITRIX/clear-stream/'] as const
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html,*/*;q=0.8' }

describe('a navigation to a stream', () => {
  let app: HttpApp
  afterEach(async () => {
    expect((await app.send('/api/runs', { headers: { authorization: 'Bearer open-sesame-1' } })).body.runs).toEqual([])
  })

  test('is answered with a page that has a button, in the language of its reader', async () => {
    app = await openHttpApp()
    for (const path of STREAMS) {
      for (const headers of [
        { ...NAVIGATION, 'sec-fetch-site': 'none', 'sec-fetch-user': '?1' },
        { ...NAVIGATION, 'sec-fetch-site': 'same-origin' },
        { 'sec-fetch-mode': 'navigate' },
        { 'sec-fetch-dest': 'iframe' },
        { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'image' }
      ]) {
        const { status, headers: answered, text } = await app.send(path, { headers })
        expect([status, answered['content-type']], path).toEqual([200, 'text/html; charset=utf-8'])
        expect(text).toContain(`<button>${app.portal.host}</button>`)
        expect(text).toContain('lang="ru"')
        expect(answered['content-security-policy']).toContain("frame-ancestors 'none'")
      }
    }
    const english = await app.send(STREAMS[0], { headers: { ...NAVIGATION, 'accept-language': 'en' } })
    expect(english.text).toMatch(/Nothing has been started yet.*3 companies and 3 contacts/)
    expect(english.text).toContain('{"kind":"create","companies":3,"contacts":3,"locale":"en"}')
  })

  test('from another site leads to the same address once more, without anything that could start it', async () => {
    app = await openHttpApp()
    for (const foreign of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
      const { status, text } = await app.send(STREAMS[0], { headers: { ...NAVIGATION, ...foreign } })
      expect([status, text]).toEqual([200, expect.stringContaining('null/bitrix/webhook/push-stream?count=3')])
    }
  })

  test('needs the secret, and its page repeats none', async () => {
    app = await openHttpApp({ secret: 'open-sesame-1' })
    const page = await app.send('/bitrix/clear-stream', { headers: NAVIGATION })
    expect([page.status, page.text]).toEqual([403, expect.stringMatching(/<form>/)])
    for (const site of ['none', 'cross-site']) {
      const headers = { ...NAVIGATION, 'sec-fetch-site': site }
      const { status, text } = await app.send('/bitrix/clear-stream?secret=open-sesame-1', { headers })
      expect([status, text.includes('sesame')]).toEqual([200, false])
    }
  })

  test('with a wrong count is told so', async () => {
    app = await openHttpApp()
    expect((await app.send('/bitrix/webhook/push-stream?count=0', { headers: NAVIGATION })).status).toBe(400)
  })
})

test('EventSource, fetch and programs get the stream', async () => {
  const app = await openHttpApp()
  const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty', 'user-agent': 'Mozilla/5.0' }
  for (const headers of [
    { ...own, 'sec-fetch-mode': 'cors', accept: 'text/event-stream' },
    { ...own, 'sec-fetch-mode': 'same-origin' },
    // As Node's fetch.
    { 'sec-fetch-mode': 'cors', 'user-agent': 'node' },
    { 'user-agent': 'curl/8.0', accept: '*/*' }
  ]) {
    const events = await app.events('/bitrix/webhook/push-stream?count=1', headers)
    expect(events.at(-1)?.event, JSON.stringify(headers)).toBe('done')
  }
  expect(await app.count()).toEqual({ companies: 4, contacts: 4 })
})

test('an empty id of a last event is none', async () => {
  const app = await openHttpApp()
  const events = await app.events('/bitrix/webhook/push-stream?count=1&lastEventId=')
  expect(events.at(-1)?.event).toBe('done')
  const again = await app.events('/bitrix/clear-stream?lastEventId=', { 'last-event-id': '' })
  expect(again.at(-1)?.event).toBe('done')
  expect(await app.count()).toEqual({ companies: 0, contacts: 0 })
})
