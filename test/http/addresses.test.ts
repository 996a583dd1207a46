// Addresses that nobody serves, that are malformed, or are asked in a wrong way: the contract's error, nothing created, the server alive.
// Must stay true: each refusal is JSON with a stable code and a sentence.
import { afterEach, describe, expect, test } from 'vitest'
import { expectError } from '../support/expect-error.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

let app: HttpApp
afterEach(async () => {
  // Whatever was tried: nothing was created, and the server answers.
  expect((await app.send('/api/runs')).body).toEqual({ runs: [] })
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
      ['/api/runs/x', 'GET, DELETE'],
      ['/secret', 'GET, POST'],
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
