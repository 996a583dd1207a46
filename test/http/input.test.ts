// Malformed input at every route: the contract's error, nothing created, the server alive.
// Must stay true: each refusal is JSON with a stable code and a sentence.
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Answer, type HttpApp, openHttpApp } from '../support/http-app.ts'

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

const expectError = (answer: Answer, status: number, code: string, what: string): void => {
  expect([answer.status, answer.body?.error], `${what}: ${answer.text.slice(0, 300)}`).toEqual([status, code])
  expect(answer.body.error_description, what).toMatch(/^.{15,}/su)
}

let app: HttpApp
afterEach(async () => {
  // Whatever was tried: nothing was created, and the server answers.
  expect((await app.send('/api/runs')).body).toEqual({ runs: [] })
})

describe('count', () => {
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

describe('addresses', () => {
  test('that nobody serves are NOT_FOUND', async () => {
    app = await openHttpApp()
    for (const path of [
      '/nowhere',
      '/api',
      '/api/runs/x/y',
      '/bitrix/',
      '/assets/nothing.js',
      '/assets/../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets/.vite/manifest.json',
      '/assets/%00',
      '/api/runs/none',
      '/api/runs/none/progress',
      '/api/runs/none/rejections.csv'
    ]) {
      expectError(await app.send(path), 404, 'NOT_FOUND', path)
    }
    for (const action of ['cancel', 'resume', 'retry']) {
      expectError(await app.send(`/api/runs/none/${action}`, { method: 'POST' }), 404, 'NOT_FOUND', action)
    }
  })

  test('that are malformed are refused without an internal error', async () => {
    app = await openHttpApp()
    for (const path of [
      '/%',
      '/assets/%',
      '/api/runs/%E0%A4%A',
      '/api/runs/%00',
      '/api/runs/..%2f',
      '//',
      '/?%',
      '*'
    ]) {
      const answer = await app.send(path)
      expect([200, 400, 404], `${path}: ${answer.status} ${answer.text.slice(0, 200)}`).toContain(answer.status)
    }
    expect(app.logged.filter(line => line.includes('"level":"error"'))).toEqual([])
  })

  test('answer a wrong method with the right ones', async () => {
    app = await openHttpApp()
    const known: readonly [string, string][] = [
      ['/', 'GET'],
      ['/health', 'GET'],
      ['/bitrix/status', 'GET'],
      ['/bitrix/webhook/push-stream', 'GET'],
      ['/bitrix/clear-stream', 'GET'],
      ['/bitrix/webhook/push-to-bitrix', 'POST'],
      ['/bitrix/clear-bitrix', 'POST'],
      ['/api/runs', 'POST, GET'],
      ['/api/runs/x', 'GET'],
      ['/api/runs/x/progress', 'GET'],
      ['/api/runs/x/rejections.csv', 'GET'],
      ['/api/runs/x/cancel', 'POST'],
      ['/api/runs/x/resume', 'POST'],
      ['/api/runs/x/retry', 'POST'],
      ['/api/companies', 'GET'],
      ['/api/contacts', 'GET'],
      ['/assets/main-abc.js', 'GET']
    ]
    for (const [path, allowed] of known) {
      for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND', allowed === 'POST' ? 'GET' : 'POST']) {
        if (allowed.includes(method)) continue
        const answer = await app.send(path, { method })
        expectError(answer, 405, 'METHOD_NOT_ALLOWED', `${method} ${path}`)
        expect(answer.headers.allow?.split(', ').sort(), path).toEqual(allowed.split(', ').sort())
      }
    }
  })

  test('of the streams start nothing by HEAD', async () => {
    app = await openHttpApp()
    for (const path of ['/bitrix/webhook/push-stream', '/bitrix/clear-stream']) {
      expect((await app.send(path, { method: 'HEAD' })).status).toBe(405)
    }
  })

  test('of the tables take limit and after as plain numbers', async () => {
    app = await openHttpApp()
    for (const path of ['/api/companies', '/api/contacts']) {
      for (const query of [
        'limit=0',
        'limit=51',
        'limit=x',
        'limit=',
        'limit=1&limit=2',
        'after=-1',
        'after=1e3',
        'after='
      ]) {
        expectError(await app.send(`${path}?${query}`), 400, 'INVALID_INPUT', query)
      }
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
