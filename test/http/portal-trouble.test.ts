// A portal that cannot be used: the page names the problem, the API and the streams say what to do, nothing crashes.
// Must stay true: no answer repeats the webhook's secret; when the portal is well again, so is everything else.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { readEvents } from '../support/event-source.ts'
import { buildPage, openSite, type Site } from '../support/site.ts'

beforeAll(buildPage)

const SECRET = 'planted5secret9x'

/** Something that is no portal. */
const listen = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/rest/1/${SECRET}/` // TCP
}
const page =
  (status: number, body = '<!doctype html><h1>It works!</h1><script>alert(1)</script>'): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end(body)
  }

type Trouble = [name: string, code: string, words: RegExp, url: (portal: EmulatedPortal) => Promise<string> | string]

const troubles: Trouble[] = [
  ['that nobody answers for', 'PORTAL_UNREACHABLE', /cannot be reached/, () => `http://127.0.0.1:9/rest/1/${SECRET}/`],
  [
    'that does not know the webhook',
    'INVALID_CREDENTIALS',
    /incoming webhook/,
    portal => `${portal.origin}/rest/1/${SECRET}/`
  ],
  [
    'whose webhook lacks the CRM right',
    'INSUFFICIENT_SCOPE',
    /lacks the right/,
    portal => portal.webhook({ scope: ['user'] })
  ],
  ['whose answers are HTML', 'UNREADABLE_REPLY', /Check the address/, () => listen(page(200))],
  ['whose answers are empty', 'UNREADABLE_REPLY', /Check the address/, () => listen(page(200, ''))],
  ['that is some other site', 'WRONG_ADDRESS', /no Bitrix24 REST API/, () => listen(page(404))],
  ['behind a broken proxy', 'HTTP_502', /Try again later/, () => listen(page(502))],
  ['behind a wall', 'HTTP_403', /refused/, () => listen(page(403))],
  [
    'that redirects',
    'PORTAL_MOVED',
    /moved|redirects/,
    () =>
      listen((_, response) => {
        response.writeHead(302, { location: `https://elsewhere.example/rest/1/${SECRET}/` }).end()
      })
  ]
]

const openTroubled = async (url: Trouble[3]): Promise<Site> => {
  const site = await openSite()
  await site.stop()
  await site.start({ BITRIX_WEBHOOK_URL: await url(site.portal) })
  return site
}

describe.each(troubles)('a portal %s', (_name, code, words, url) => {
  test('is named by the page, the API and the stream', async () => {
    const { origin, portal } = await openTroubled(url)
    const said: string[] = []
    for (const lang of ['ru', 'en']) {
      const opened = await fetch(`${origin}/?lang=${lang}`)
      expect(opened.status).toBe(200)
      const html = await opened.text()
      said.push(html)
      const reasons = [...html.matchAll(/data-part="reason"[^>]*>([^<]*)</g)].map(([, text = '']) => text)
      expect(reasons).toHaveLength(2)
      for (const reason of reasons) expect(reason.length).toBeGreaterThan(60)
      if (lang === 'en') for (const reason of reasons) expect(reason).toMatch(words)
      expect(html).not.toContain('<script>alert')
    }
    for (const name of ['companies', 'contacts']) {
      const answer = await fetch(`${origin}/api/${name}`)
      expect(answer.status).toBe(502)
      const text = await answer.text()
      said.push(text)
      const body = JSON.parse(text) as { error: string; error_description: string }
      expect(body.error.toUpperCase()).toBe(code)
      expect(body.error_description).toMatch(/^.{30,}$/s)
    }
    const events = await readEvents(`${origin}/bitrix/webhook/push-stream?count=3`)
    said.push(JSON.stringify(events))
    expect(events.at(-1)?.event).toBe('failed')
    const { status, failure } = JSON.parse(events.at(-1)?.data ?? '') as RunSnapshot
    expect([status, failure?.code.toUpperCase()]).toEqual(['failed', code])
    expect(failure?.message).toMatch(/^.{30,}$/s)
    expect(await (await fetch(`${origin}/bitrix/status`)).json()).toEqual({ busy: false })
    expect(await (await fetch(`${origin}/health`)).json()).toEqual({ status: 'ok' })
    expect(said.filter(text => text.includes(SECRET) || /\/rest\/1\/\w/.test(text))).toEqual([])
    expect(portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
  })
})

test('a portal that never answers does not hold the page up', async () => {
  const { origin } = await openTroubled(() => listen(() => undefined))
  const opened = await fetch(`${origin}/?lang=en`)
  expect(opened.status).toBe(200)
  expect(await opened.text()).toMatch(/has not answered in time/)
  expect((await fetch(`${origin}/health`)).status).toBe(200)
})

test('a failed run goes on when the webhook has been put right', async () => {
  const site = await openTroubled(portal => portal.webhook({ scope: ['user'] }))
  const failed = await fetch(`${site.origin}/bitrix/webhook/push-to-bitrix?count=5`, { method: 'POST' })
  expect(failed.status).toBe(502)
  const { error, run } = (await failed.json()) as { error: string; run: RunSnapshot }
  expect([error, run.status]).toEqual(['RUN_FAILED', 'failed'])
  await site.stop()
  await site.start()
  const resumed = await fetch(`${site.origin}/api/runs/${run.id}/resume`, { method: 'POST' })
  expect(resumed.status).toBe(202)
  const events = await readEvents(`${site.origin}/api/runs/${run.id}/progress`)
  expect(JSON.parse(events.at(-1)?.data ?? '')).toMatchObject({ status: 'completed', failure: null, done: 10 })
  expect(site.portal.state.counts()).toEqual({ companies: 5, contacts: 5 })
})
