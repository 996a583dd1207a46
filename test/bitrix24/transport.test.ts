// What a lost, refused or foreign answer to a whole request is called, over real sockets.
// Must stay true: in every case at most one request arrives, whatever goes wrong.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get as httpGet } from 'node:http'
import { connect as connectSocket, createServer as createTcpServer, type LookupFunction } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { createAgents } from '../../server/bitrix24/agents.ts'
import type { ClientOptions } from '../../server/bitrix24/client.ts'
import { PortalFailure } from '../../server/core/portal.ts'
import { MAX_IN_FLIGHT } from '../../server/core/speed/dispatcher.ts'
import { type Answer, batch, connect, html, json, type RawPortal, startRawPortal } from './raw-portal.ts'

const commands = [{ key: 'c1', method: 'crm.company.add', params: { fields: { TITLE: 'ООО' } } }]

let open: { close(): Promise<void> | void }[] = []
afterEach(async () => {
  for (const one of open.reverse()) await one.close()
  open = []
})

const start = async (answer: Answer, options?: ClientOptions): Promise<RawPortal> => {
  const raw = await startRawPortal(answer, options)
  open.push(raw)
  return raw
}

const failureOf = async (portal: RawPortal['portal']): Promise<PortalFailure> => {
  const error: unknown = await portal.execute(commands, { halt: false }).then(
    () => undefined,
    (reason: unknown) => reason
  )
  if (!(error instanceof PortalFailure)) throw new Error('expected a PortalFailure', { cause: error })
  return error
}

const error = (status: number, code: string, text: string) => json(status, { error: code, error_description: text })

const unknownOutcomes: [string, string, Answer][] = [
  ['a reset after the request arrived', 'CONNECTION_LOST', response => response.socket?.resetAndDestroy()],
  ['an orderly end of the connection without an answer', 'CONNECTION_LOST', response => response.socket?.end()],
  [
    'a truncated answer',
    'CONNECTION_LOST',
    response => {
      response.writeHead(200, { 'content-length': 5000 })
      response.write('{"result":{"result":{"c1":7', () => response.socket?.destroy())
    }
  ],
  ['a truncated JSON text', 'UNREADABLE_REPLY', response => response.end('{"result":{"result":{"c1":7')],
  ['an empty answer', 'UNREADABLE_REPLY', response => response.end()],
  ['an HTML page with status 200', 'UNREADABLE_REPLY', html(200)],
  ['a PHP warning in front of the JSON', 'UNREADABLE_REPLY', response => response.end('<b>Warning</b>{"result":{}}')],
  ['a success that is no batch answer', 'UNREADABLE_REPLY', json(200, { result: true, time: {} })],
  ['a success without a result', 'UNREADABLE_REPLY', json(200, { time: { duration: 1 } })],
  ['a null result', 'UNREADABLE_REPLY', json(200, { result: null })],
  ['an error map that is none', 'UNREADABLE_REPLY', batch({ result: { c1: 7 }, result_error: 'x' })],
  ['a page with status 500', 'HTTP_500', html(500)],
  ['a page with status 502', 'HTTP_502', html(502)],
  ['a page with status 503, which is not the request limit', 'HTTP_503', html(503)],
  ['a page with status 504', 'HTTP_504', html(504)],
  ['a request timeout of a proxy', 'HTTP_408', html(408)],
  ['an internal error', 'INTERNAL_SERVER_ERROR', error(500, 'INTERNAL_SERVER_ERROR', 'Internal server error')],
  ['an unexpected answer', 'ERROR_UNEXPECTED_ANSWER', error(400, 'ERROR_UNEXPECTED_ANSWER', '')],
  ['an exception without a code', 'HTTP_400', error(400, '', 'Something')],
  ['a failed SQL query', 'ERROR_CORE', error(500, 'ERROR_CORE', 'SQL query error!')],
  ['an unknown code with status 200', 'SOMETHING', error(200, 'SOMETHING', 'else')]
]

test.each(unknownOutcomes)('%s leaves the outcome unknown (%s) and is not sent again', async (_name, code, answer) => {
  const { portal, received } = await start(answer)
  const failure = await failureOf(portal)
  expect(failure).toMatchObject({ kind: 'lost', applied: 'unknown', code })
  expect(received).toHaveLength(1)
})

test('a page is answered while a run has as many requests under way as it ever has', async () => {
  const answered = batch({ result: { c1: 7 } })
  const { portal, received } = await start((response, request, body) => {
    if (received.length > MAX_IN_FLIGHT) answered(response, request, body)
  })
  const run = Array.from({ length: MAX_IN_FLIGHT }, () => failureOf(portal))
  await expect.poll(() => received.length).toBe(MAX_IN_FLIGHT)
  const reply = await portal.execute([{ key: 'c1', method: 'crm.company.list', params: {} }], { halt: false })
  expect(reply.outcomes.get('c1')).toMatchObject({ kind: 'ok', result: 7 })
  for (const one of open.reverse()) await one.close()
  open = []
  for (const failure of await Promise.all(run)) expect(failure.kind).toBe('lost')
})

/** Listens on 127.0.0.1, and for a while takes no connection, as from far away; nobody listens on ::1. */
const SLOW_PORTAL = `
  const slow = require('node:http').createServer((_, response) => response.end('far away'))
  slow.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    process.stdout.write(slow.address().port + '\\n')
    process.stdin.once('data', () => {
      process.stdout.write('deaf\\n')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700)
    })
  })`

test('a portal that is far away is reached, though its host has another address of another family', async () => {
  const child = spawn(process.execPath, ['-e', SLOW_PORTAL], { stdio: ['pipe', 'pipe', 'inherit'] })
  open.push({ close: () => void child.kill() })
  const said = createInterface(child.stdout)[Symbol.asyncIterator]()
  const port = Number((await said.next()).value)
  child.stdin.write('\n')
  await said.next()
  // These two fill the queue, so the kernel drops what asks for a third connection, and that one asks again after a second.
  for (let waiting = 0; waiting < 2; waiting += 1) {
    const socket = connectSocket(port, '127.0.0.1')
    open.push({ close: () => void socket.destroy() })
    await once(socket, 'connect')
  }
  const { httpAgent } = createAgents()
  open.push({ close: () => httpAgent.destroy() })
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 }
  ]
  const answer = await new Promise((resolve, reject) => {
    const lookup: LookupFunction = (_host, _options, found) => found(null, addresses)
    httpGet({ host: 'portal.example', port, agent: httpAgent, lookup }, resolve).on('error', reject)
  })
  expect(answer).toMatchObject({ statusCode: 200 })
})

const impatient: ClientOptions = { requestSeconds: 0.2, now: Date.now }

test('a portal that never answers is given up after the request time and some grace', async () => {
  const { portal, received } = await start(() => undefined, impatient)
  expect(await failureOf(portal)).toMatchObject({ kind: 'lost', code: 'TIMED_OUT' })
  expect(received).toHaveLength(1)
})

test('an answer that trickles is given up too, although the socket is never silent', async () => {
  const { portal } = await start(response => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  }, impatient)
  expect(await failureOf(portal)).toMatchObject({ kind: 'lost', code: 'TIMED_OUT' })
})

const refused: [string, PortalFailure['kind'], string, Answer][] = [
  ['the request limit', 'intensity', 'QUERY_LIMIT_EXCEEDED', error(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests')],
  ['the operating limit', 'operating', 'OPERATION_TIME_LIMIT', error(429, 'OPERATION_TIME_LIMIT', 'Method is blocked')],
  ['an overloaded portal', 'blocked', 'OVERLOAD_LIMIT', error(503, 'OVERLOAD_LIMIT', 'REST API is blocked')],
  ['expired access', 'blocked', 'expired_token', error(401, 'expired_token', 'The access token provided has expired')],
  ['revoked access', 'blocked', 'invalid_token', error(401, 'invalid_token', 'Unable to get application by token')],
  ['a wrong secret', 'blocked', 'INVALID_CREDENTIALS', error(401, 'INVALID_CREDENTIALS', 'Invalid credentials')],
  ['a deleted portal', 'blocked', 'PORTAL_DELETED', error(410, 'PORTAL_DELETED', '')],
  ['a deleted portal with status 500', 'blocked', 'PORTAL_DELETED', error(500, 'PORTAL_DELETED', '')],
  [
    'a refusal of the soft list of the SDK',
    'blocked',
    'ERROR_ENTITY_NOT_FOUND',
    error(400, 'ERROR_ENTITY_NOT_FOUND', '')
  ],
  ['a known code with status 200', 'blocked', 'ERROR_OAUTH', error(200, 'ERROR_OAUTH', 'Application not installed')]
]

test.each(refused)('%s is certain to have applied nothing: %s %s', async (_name, kind, code, answer) => {
  const { portal, received } = await start(answer)
  expect(await failureOf(portal)).toMatchObject({ kind, applied: 'no', code })
  expect(received).toHaveLength(1)
})

const pages: [string, PortalFailure['kind'], string, Answer][] = [
  ['a front server that limits requests', 'intensity', 'HTTP_429', html(429)],
  ['an address without REST', 'blocked', 'WRONG_ADDRESS', html(404)],
  ['a firewall for web applications', 'blocked', 'HTTP_403', html(403)],
  ['a body limit of a proxy', 'blocked', 'HTTP_413', html(413)]
]

test.each(pages)('%s may have let the request through before: %s %s', async (_name, kind, code, answer) => {
  const { portal, received } = await start(answer)
  expect(await failureOf(portal)).toMatchObject({ kind, applied: 'unknown', code })
  expect(received).toHaveLength(1)
})

test('a plan without REST is told from a missing right of a person', async () => {
  const plan = await start(error(403, 'ACCESS_DENIED', 'REST is available only on commercial plans.'))
  expect(await failureOf(plan.portal)).toMatchObject({ kind: 'blocked', message: expect.stringContaining('plan') })
  const right = await start(error(403, 'ACCESS_DENIED', 'Access denied!'))
  expect(await failureOf(right.portal)).toMatchObject({ kind: 'blocked', message: expect.stringContaining('person') })
})

test('a redirect is not followed, and the text names the new address', async () => {
  const target = await start(batch({ result: { c1: 7 } }))
  const old = await start((response, request) => {
    response.writeHead(302, { location: `${target.origin}${request.url}` }).end()
  })
  const failure = await failureOf(old.portal)
  expect(failure).toMatchObject({ kind: 'blocked', code: 'PORTAL_MOVED', applied: 'unknown' })
  expect(failure.message).toContain(`moved to ${target.origin}.`)
  expect(target.received).toHaveLength(0)
})

test.each(['/auth/', 'http://[', '', 'data:text/plain,x'])('a redirect to %j is explained too', async location => {
  const { portal } = await start(response => response.writeHead(301, { location }).end())
  expect(await failureOf(portal)).toMatchObject({ kind: 'blocked', message: expect.stringContaining('redirects') })
})

test('a refused connection is certain to have applied nothing', async () => {
  const gone = await startRawPortal(html(200))
  await gone.close()
  const { client, portal } = connect(gone.origin)
  open.push(client)
  const failure = await failureOf(portal)
  expect(failure).toMatchObject({ kind: 'unreachable', code: 'PORTAL_UNREACHABLE', applied: 'no' })
  expect(failure.message).toContain('ECONNREFUSED')
})

test('a host with several addresses that all refuse is unreachable', async () => {
  const gone = await startRawPortal(html(200))
  await gone.close()
  const { client, portal } = connect(gone.origin.replace('127.0.0.1', 'localhost'))
  open.push(client)
  expect(await failureOf(portal)).toMatchObject({ kind: 'unreachable', applied: 'no' })
})

test('a host name that does not exist is unreachable', async () => {
  const { client, portal } = connect('http://no-such-portal.invalid')
  open.push(client)
  expect(await failureOf(portal)).toMatchObject({ kind: 'unreachable', code: 'PORTAL_UNREACHABLE' })
})

test('a server without TLS behind an https address is told from a lost answer', async () => {
  const { portal: _unused, ...raw } = await start(html(200))
  const { client, portal } = connect(raw.origin.replace('http:', 'https:'))
  open.push(client)
  expect(await failureOf(portal)).toMatchObject({ kind: 'blocked', code: 'TLS_FAILED', applied: 'no' })
  expect(raw.received).toHaveLength(0)
})

test('a connection that ends during the TLS handshake has applied nothing', async () => {
  const server = createTcpServer(socket => socket.once('data', () => socket.end()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  open.push({ close: () => new Promise<void>(resolve => void server.close(() => resolve())) })
  const address = server.address()
  const { client, portal } = connect(`https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
  open.push(client)
  expect(await failureOf(portal)).toMatchObject({ kind: 'unreachable', applied: 'no' })
})

test('connections are reused, and many requests are in flight at once without a limiter of the SDK', async () => {
  const sockets = new Set<unknown>()
  const waiting: (() => void)[] = []
  const { portal, received } = await start((response, request, body) => {
    sockets.add(request.socket)
    waiting.push(() => batch({ result: { c1: 7 } })(response, request, body))
    if (waiting.length >= 60) for (const go of waiting.splice(0)) go()
  })
  for (let round = 1; round <= 2; round += 1) {
    await Promise.all(Array.from({ length: 60 }, () => portal.execute(commands, { halt: false })))
    expect(received).toHaveLength(60 * round)
  }
  expect(sockets.size).toBe(60)
})

test('a request is a POST to batch of the webhook, and the answer of 503s does not slow down later ones', async () => {
  let limited = 6 // the SDK lowers its own limits after five
  const { portal, received } = await start((response, request, body) => {
    limited -= 1
    const answer = limited >= 0 ? error(503, 'QUERY_LIMIT_EXCEEDED', '') : batch({ result: { c1: 7 } })
    answer(response, request, body)
  })
  for (let index = 0; index < 6; index += 1) expect(await failureOf(portal)).toMatchObject({ kind: 'intensity' })
  const { outcomes } = await portal.execute(commands, { halt: true })
  expect(outcomes.get('c1')).toEqual({ kind: 'ok', result: 7 })
  const last = received.at(-1)
  expect(last?.method).toBe('POST')
  expect(last?.path).toMatch(/^\/rest\/1\/planted5secret9x\/batch\?bx24_request_id=/)
  expect(JSON.parse(last?.body ?? '')).toEqual({
    halt: 1,
    cmd: { c1: 'crm.company.add?fields%5BTITLE%5D=%D0%9E%D0%9E%D0%9E' }
  })
})
