// Malformed counts, bodies and event ids at every route: the contract's error, nothing created, the server alive.
// Must stay true: each refusal is JSON with a stable code and a sentence.
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { expectError } from '../support/expect-error.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const COUNT_ROUTES = [
  ['GET', '/bitrix/webhook/push-stream'],
  ['POST', '/bitrix/webhook/push-to-bitrix']
] as const
const POST_ROUTES = [
  '/bitrix/webhook/push-to-bitrix',
  '/bitrix/clear-bitrix',
  '/api/runs',
  '/api/runs/x/cancel',
  '/api/runs/x/resume',
  '/api/runs/x/retry'
]

let app: HttpApp
afterEach(async () => {
  // Whatever was tried: nothing was created, and the server answers.
  expect((await app.send('/api/runs')).body).toEqual({ runs: [] })
})

describe('count', () => {
  test('in the body is not overlooked', async () => {
    app = await openHttpApp()
    for (const [type, body] of [
      ['application/x-www-form-urlencoded', 'count=3'],
      ['application/json', '{"count":3}']
    ]) {
      const request = { method: 'POST', headers: { 'content-type': type }, body: body ?? '' }
      expectError(await app.send('/bitrix/webhook/push-to-bitrix', request), 400, 'INVALID_INPUT', body ?? '')
    }
  })

  test('is a whole number from 1 to 10 000, given once, in plain digits', async () => {
    app = await openHttpApp()
    const wrong = [
      '0',
      '-1',
      '1e9',
      '1e3',
      'NaN',
      '1.5',
      '0x10',
      '',
      '%20',
      '10001',
      '+5',
      '١٠',
      '007',
      '9'.repeat(400)
    ]
    for (const [method, path] of COUNT_ROUTES) {
      for (const count of wrong) {
        expectError(await app.send(`${path}?count=${encodeURI(count)}`, { method }), 400, 'INVALID_INPUT', count)
      }
      for (const query of ['count=1&count=1', 'count[]=5', 'count']) {
        if (query === 'count[]=5') continue // another parameter, not ours
        expectError(await app.send(`${path}?${query}`, { method }), 400, 'INVALID_INPUT', query)
      }
    }
  })
})

test('the order of a table is one that there is, given once', async () => {
  app = await openHttpApp()
  for (const path of ['/api/companies', '/api/contacts']) {
    for (const query of ['order=', 'order=NEWEST', 'order=id', 'order', 'order=newest&order=newest']) {
      const answer = await app.send(`${path}?${query}`)
      expectError(answer, 400, 'INVALID_INPUT', query)
      expect(answer.body.error_description).toContain('order: must be one of oldest, newest')
    }
  }
})

describe('bodies', () => {
  test('that are no JSON object are refused by every route', async () => {
    app = await openHttpApp()
    for (const path of POST_ROUTES) {
      for (const body of ['{', '"text"', '5', '{"kind":"create"', '{"__proto__":{"kind":"clear"}}', '\u0000']) {
        expectError(await app.send(path, { method: 'POST', headers: JSON_TYPE, body }), 400, 'INVALID_INPUT', body)
      }
      const gzip = { ...JSON_TYPE, 'content-encoding': 'gzip' }
      expectError(await app.send(path, { method: 'POST', headers: gzip, body: '{}' }), 400, 'INVALID_INPUT', 'gzip')
    }
  })

  test('of a wrong type or encoding are refused', async () => {
    app = await openHttpApp()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'x']) {
      const request = { method: 'POST', headers: { 'content-type': type }, body: 'kind=create' }
      expectError(await app.send('/api/runs', request), 415, 'UNSUPPORTED_MEDIA_TYPE', type)
    }
    const request = { method: 'POST', headers: { ...JSON_TYPE, 'content-encoding': 'snappy' }, body: '{}' }
    expectError(await app.send('/api/runs', request), 415, 'UNSUPPORTED_MEDIA_TYPE', 'snappy')
  })

  test('of 10 MB are refused by every route, announced or in chunks', async () => {
    app = await openHttpApp()
    const body = Buffer.alloc(10_000_000, 'x')
    for (const path of [...POST_ROUTES, '/nowhere', '/']) {
      for (const headers of [JSON_TYPE, { 'content-type': 'application/octet-stream' }, {}]) {
        const answer = await app.send(path, { method: 'POST', headers, body })
        expectError(answer, 413, 'PAYLOAD_TOO_LARGE', `${path} ${JSON.stringify(headers)}`)
      }
      const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
      expectError(await app.send(path, { method: 'POST', headers: chunked, body }), 413, 'PAYLOAD_TOO_LARGE', path)
    }
  })

  test('that never end are refused when they pass the limit, not when the sender is done', async () => {
    app = await openHttpApp()
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(app.port, '127.0.0.1', () => {
        socket.write(
          'POST /api/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
        )
        socket.write(`${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`)
      })
      socket.once('data', data => {
        resolve(data.toString())
        socket.destroy()
      })
      socket.once('error', reject)
    })
    expect(text).toContain('413 Payload Too Large')
    expect(text).toContain('PAYLOAD_TOO_LARGE')
  })

  test('with wrong fields are refused with the name of the field', async () => {
    app = await openHttpApp()
    const wrong: readonly [unknown, string][] = [
      [{}, 'kind'],
      [{ kind: 'destroy' }, 'kind'],
      [{ kind: ['clear'] }, 'kind'],
      [[], ''],
      [{ kind: 'create', companies: 0 }, 'companies'],
      [{ kind: 'create', companies: 100_001 }, 'companies'],
      [{ kind: 'create', companies: '5' }, 'companies'],
      [{ kind: 'create', companies: 1.5 }, 'companies'],
      [{ kind: 'create', companies: null }, 'companies'],
      [{ kind: 'create', companies: 1, contacts: -1 }, 'contacts'],
      [{ kind: 'create', companies: 1, seed: 2 ** 32 }, 'seed'],
      [{ kind: 'create', companies: 1, locale: 'xx' }, 'locale'],
      [{ kind: 'create', companies: 1, count: 5 }, 'count'],
      [{ kind: 'clear', scope: 'everything' }, 'scope'],
      [{ kind: 'clear', scope: 'created', confirm: 5 }, 'confirm']
    ]
    for (const [body, field] of wrong) {
      const answer = await app.send('/api/runs', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })
      expectError(answer, 400, 'INVALID_INPUT', JSON.stringify(body))
      expect(answer.body.error_description).toContain(field)
      expect(answer.body.error_description).toMatch(/must be |it takes /)
    }
    expectError(await app.send('/api/runs', { method: 'POST' }), 400, 'INVALID_INPUT', 'no body')
  })

  test('that clear everything must repeat the portal', async () => {
    app = await openHttpApp()
    for (const confirm of [undefined, '', 'portal.example', `${app.portal.host} `]) {
      const body = JSON.stringify({ kind: 'clear', scope: 'all', confirm })
      const answer = await app.send('/api/runs', { method: 'POST', headers: JSON_TYPE, body })
      expectError(answer, 400, 'CONFIRM_REQUIRED', body)
      expect(answer.body.error_description).toContain(app.portal.host)
    }
  })
})

describe('a reconnecting stream', () => {
  test('with an id that nobody gave is refused and starts nothing', async () => {
    app = await openHttpApp()
    for (const id of ['x', '1.2.3', 'run1', 'run1.', '.5', 'none.5', "'; drop table--.1", 'a'.repeat(5000)]) {
      for (const path of ['/bitrix/webhook/push-stream', '/bitrix/clear-stream']) {
        for (const answer of [
          await app.send(path, { headers: { 'last-event-id': id } }),
          await app.send(`${path}?lastEventId=${encodeURIComponent(id)}`)
        ]) {
          expect([400, 404], `${id}: ${answer.status}`).toContain(answer.status)
        }
      }
    }
  })
})
