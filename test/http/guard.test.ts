// Who is let in: hosts, sites and the secret, tried through real HTTP.
// Must stay true: a refused request has changed nothing.
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { openHttpApp } from '../support/http-app.ts'

const changing = [
  ['GET', '/bitrix/webhook/push-stream?count=1'],
  ['GET', '/bitrix/clear-stream'],
  ['POST', '/bitrix/webhook/push-to-bitrix?count=1'],
  ['POST', '/bitrix/clear-bitrix'],
  ['POST', '/api/runs']
] as const

test('other host names are refused, with or without the secret', async () => {
  const app = await openHttpApp({ secret: 'open-sesame-1', publicUrl: 'https://bitrixcorp.example.com' })
  for (const host of ['evil.example', 'localhost.evil.example', 'user@localhost', 'localhost/x', '0.0.0.0']) {
    for (const path of ['/health', '/', '/bitrix/status', '/api/runs?secret=open-sesame-1', '/nowhere']) {
      const answer = await app.send(path, { headers: { host } })
      expect([answer.status, answer.body?.error], `${host} ${path}`).toEqual([403, 'FORBIDDEN'])
    }
  }
})

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36'

test('a health check of HTTP/1.0, which names no host, is answered; nothing else is', async () => {
  const app = await openHttpApp()
  const ask = async (path: string): Promise<string> => {
    const socket = connect(app.port, '127.0.0.1').end(`GET ${path} HTTP/1.0\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text
  }
  expect(await ask('/health')).toMatch(/^HTTP\/1\.\d 200 .*\{"status":"ok"\}$/s)
  expect(await ask('/bitrix/status')).toMatch(/^HTTP\/1\.\d 403 /)
})

test('a person is told which of the reasons it was: the host name, or the secret', async () => {
  const app = await openHttpApp({ secret: 'open-sesame-1' })
  const page = async (host: string) =>
    (await app.send('/', { headers: { host, accept: 'text/html', 'accept-language': 'en' } })).text
  expect(await page('crm.example')).toMatch(/PUBLIC_URL/)
  expect(await page('crm.example')).not.toMatch(/<form>/)
  expect(await page('localhost')).toMatch(/Enter the secret to go on.*<form>/)
  const wrong = await app.send('/?secret=x', { headers: { accept: 'text/html', 'accept-language': 'en' } })
  expect(wrong.text).toMatch(/The secret is wrong.*<form>/)
  for (const path of ['/api/nowhere', '/bitrix/nowhere']) {
    const { text } = await app.send(path, { headers: { accept: 'text/html', 'accept-language': 'en' } })
    expect(JSON.parse(text)).toMatchObject({ error: 'NOT_FOUND' })
  }
  const lost = await app.send('/nowhere', { headers: { accept: 'text/html', 'accept-language': 'en' } })
  expect([lost.status, lost.text]).toEqual([404, expect.stringMatching(/^<h1.*nothing at this address/)])
})

test('what a browser loads ahead, in case somebody goes there, starts nothing', async () => {
  const app = await openHttpApp()
  for (const path of ['/bitrix/webhook/push-stream?count=1', '/bitrix/clear-stream']) {
    for (const ahead of [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender' },
      { purpose: 'prefetch' }
    ]) {
      const { status, body } = await app.send(path, { headers: { 'sec-fetch-site': 'none', ...ahead } })
      expect([status, body.error], path).toEqual([403, 'FORBIDDEN'])
    }
  }
  expect((await app.send('/api/runs')).body).toEqual({ runs: [] })
})

test('without keys of a local application its addresses say so, to Bitrix24 and to people, however they are spelled', async () => {
  const app = await openHttpApp()
  const headers = { origin: 'https://portal.bitrix24.ru', 'sec-fetch-site': 'cross-site', 'accept-language': 'en' }
  for (const path of ['/install', '/placement', '/placement/', '/PLACEMENT']) {
    const { status, text } = await app.send(path, { method: 'POST', headers })
    expect([status, text], path).toEqual([404, expect.stringMatching(/^<h1.*BITRIX_CLIENT_ID/)])
  }
  const { status, body } = await app.send('/events', { method: 'POST', headers })
  expect([status, body.error]).toEqual([404, 'APPLICATION_OFF'])
})

describe('other sites', () => {
  const foreign = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { origin: 'http://localhost' },
    { referer: 'https://evil.example/page' },
    { 'sec-fetch-site': 'none', referer: 'http://127.0.0.1:1/' },
    { referer: 'evil' },
    // A browser that says nothing of itself: too old, or at an address that it does not trust.
    { 'user-agent': BROWSER },
    { 'user-agent': BROWSER, referer: 'http://evil.example/' }
  ]

  test('may not change data, by any method, spelling of the path or header, with or without the secret', async () => {
    const app = await openHttpApp()
    const spelled = changing.flatMap(([method, path]) => [
      [method, path],
      [method, path.replace('/bitrix', '/BITRIX').replace('/api', '/API')],
      [method, path.replace(/(\?|$)/, '/$1')]
    ])
    for (const [method = '', path = ''] of spelled) {
      for (const headers of foreign) {
        const answer = await app.send(path, { method, headers })
        const refused = answer.status === 403 || answer.status === 404
        expect(refused, `${method} ${path} ${JSON.stringify(headers)}: ${answer.status}`).toBe(true)
      }
    }
    expect((await app.send('/api/runs')).body).toEqual({ runs: [] })
  })

  test('are told so even when they know the secret', async () => {
    const app = await openHttpApp({ secret: 'open-sesame-1' })
    for (const [method, path] of changing) {
      const answer = await app.send(path, {
        method,
        headers: { 'sec-fetch-site': 'cross-site', authorization: 'Bearer open-sesame-1' }
      })
      expect([answer.status, answer.body.error], path).toEqual([403, 'FORBIDDEN'])
    }
  })

  test('the own page and a typed address may', async () => {
    const app = await openHttpApp()
    for (const headers of [{ 'sec-fetch-site': 'same-origin', origin: app.origin }, { 'sec-fetch-site': 'none' }, {}]) {
      const answer = await app.send('/bitrix/webhook/push-to-bitrix?count=1', { method: 'POST', headers })
      expect(answer.status, JSON.stringify(headers)).toBe(200)
    }
  })

  test('a browser that tells no more than the origin of its POST may, and a program with any name of its own', async () => {
    const app = await openHttpApp()
    for (const headers of [
      { 'user-agent': BROWSER, origin: app.origin },
      { 'user-agent': BROWSER, origin: app.origin, referer: `${app.origin}/?lang=en` },
      { 'user-agent': 'curl/8.0' },
      { 'user-agent': '' }
    ]) {
      const answer = await app.send('/bitrix/webhook/push-to-bitrix?count=1', { method: 'POST', headers })
      expect(answer.status, JSON.stringify(headers)).toBe(200)
    }
  })

  test('may not read either, so that they do not take the portal for themselves; a link to the page opens it', async () => {
    const app = await openHttpApp({ publicUrl: 'https://bitrixcorp.example.com' })
    const reads = ['/api/companies', '/API/contacts/', '/api/runs', '/api/runs/latest', '/api/runs/x', '/bitrix/status']
    for (const path of [...reads, '/']) {
      for (const headers of [
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
        { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
        { origin: 'https://evil.example' }
      ]) {
        const { status, body } = await app.send(path, { headers })
        expect([status, body?.error], `${path} ${JSON.stringify(headers)}`).toEqual([403, 'FORBIDDEN'])
      }
    }
    for (const path of ['/', '/api/companies', '/bitrix/status']) {
      for (const headers of [
        { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
        { origin: 'https://bitrixcorp.example.com' },
        { 'user-agent': BROWSER },
        {}
      ]) {
        expect((await app.send(path, { headers })).status, `${path} ${JSON.stringify(headers)}`).toBe(200)
      }
    }
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect((await app.send('/', { headers: link })).status).toBe(200)
  })

  test('behind a proxy the page of PUBLIC_URL may', async () => {
    const app = await openHttpApp({ publicUrl: 'https://bitrixcorp.example.com' })
    const answer = await app.send('/bitrix/clear-bitrix', {
      method: 'POST',
      headers: { origin: 'https://bitrixcorp.example.com' }
    })
    expect(answer.status).toBe(200)
  })
})

describe('the secret', () => {
  const guarded = [
    ['GET', '/'],
    ...changing,
    ['GET', '/api/runs'],
    ['GET', '/api/runs/run1'],
    ['GET', '/api/runs/run1/progress'],
    ['GET', '/api/runs/run1/rejections.csv'],
    ['POST', '/api/runs/run1/cancel'],
    ['POST', '/api/runs/run1/resume'],
    ['POST', '/api/runs/run1/retry'],
    ['GET', '/api/companies'],
    ['GET', '/api/contacts']
  ] as const

  test('is needed by every standalone route and the API', async () => {
    const app = await openHttpApp({ secret: 'open-sesame-1' })
    for (const [method, path] of guarded) {
      for (const attempt of ['', 'secret=', 'secret=open-sesame-2', 'secret=open-sesame-1&secret=open-sesame-1']) {
        const answer = await app.send(`${path}${path.includes('?') ? '&' : '?'}${attempt}`, { method })
        expect([answer.status, answer.body.error], `${method} ${path} ${attempt}`).toEqual([403, 'FORBIDDEN'])
      }
      for (const authorization of ['Bearer', 'Bearer open-sesame', 'Basic open-sesame-1', 'open-sesame-1']) {
        const answer = await app.send(path, { method, headers: { authorization } })
        expect(answer.status, `${method} ${path} ${authorization}`).toBe(403)
      }
    }
    expect((await app.send('/api/runs?secret=open-sesame-1')).body).toEqual({ runs: [] })
  })

  test('is taken from the query or from a bearer token, whichever is right', async () => {
    const app = await openHttpApp({ secret: 'тайна & co' })
    const encoded = encodeURIComponent('тайна & co')
    expect((await app.send(`/api/runs?secret=${encoded}`)).status).toBe(200)
    const authorization = `Bearer ${Buffer.from('тайна & co').toString('latin1')}`
    expect((await app.send('/api/runs', { headers: { authorization } })).status).toBe(200)
    expect((await app.send('/api/runs?secret=old', { headers: { authorization } })).status).toBe(200)
  })

  test('is not needed for status and health, and status then says no more than busy', async () => {
    const app = await openHttpApp({ secret: 'open-sesame-1', portal: { speed: { commandMs: 40 } } })
    expect((await app.send('/health')).body).toEqual({ status: 'ok' })
    expect((await app.send('/bitrix/status')).body).toEqual({ busy: false })
    const started = await app.send('/api/runs?secret=open-sesame-1', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"kind":"create","companies":100}'
    })
    expect(started.status).toBe(202)
    expect((await app.send('/bitrix/status')).body).toEqual({ busy: true })
    const full = await app.send('/bitrix/status?secret=open-sesame-1')
    expect(full.body).toMatchObject({ busy: true, run: { id: started.body.id } })
  })

  test('appears in no answer and no line of the log', async () => {
    const app = await openHttpApp({ secret: 'open-sesame-1' })
    const texts: string[] = []
    for (const [method, path] of [...guarded, ['GET', '/nowhere'], ['PUT', '/api/runs']] as const) {
      const mark = path.includes('?') ? '&' : '?'
      const { text, headers } = await app.send(`${path}${mark}secret=open-sesame-1`, { method })
      texts.push(text, JSON.stringify(headers))
    }
    expect([...texts, ...app.logged].filter(text => text.includes('open-sesame-1'))).toEqual([])
  })
})
