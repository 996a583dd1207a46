// Switched-on failures of the emulated portal, as a client and as the portal's data see them.
// Must stay true: each test shows both sides, what the client got and what was executed.
import { describe, expect, it } from 'vitest'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import { createFaults } from '../../emulator/faults.ts'
import { batch, call, openPortal } from './portal-client.ts'

const add = (portal: EmulatedPortal) =>
  call(portal, 'batch', { cmd: { a: 'crm.company.add?fields[TITLE]=A', b: 'crm.company.add?fields[TITLE]=B' } })
const companies = (portal: EmulatedPortal) => portal.state.counts().companies

/** Why a fetch failed: the code on the socket. */
const failure = async (request: Promise<unknown>): Promise<string> => {
  try {
    await request
    return 'answered'
  } catch (cause) {
    const inner = (cause as { cause?: { code?: string } }).cause // undici wraps the socket's error
    return inner?.code ?? String(cause)
  }
}

describe('a lost answer', () => {
  it('reset-before executes nothing, reset-after everything', async () => {
    const portal = await openPortal()
    portal.faults.next('reset-before')
    expect(await failure(add(portal))).toBe('ECONNRESET')
    expect(companies(portal)).toBe(0)
    portal.faults.next('reset-after')
    expect(await failure(add(portal))).toBe('ECONNRESET')
    expect(companies(portal)).toBe(2)
    expect((await add(portal)).status).toBe(200)
    expect(portal.faults.log.counts).toEqual({ 'reset-before': 1, 'reset-after': 1 })
    expect(portal.faults.log.entries[1]).toEqual({ kind: 'reset-after', method: 'batch', commands: 2 })
  })

  it('truncated breaks off in the body', async () => {
    const portal = await openPortal()
    portal.faults.next('truncated')
    expect(await failure(add(portal))).not.toBe('answered')
    expect(companies(portal)).toBe(2)
  })

  it('hold executes at once and answers later, or not before the client gives up', async () => {
    const portal = await openPortal()
    portal.faults.next('hold', { ms: 30 })
    expect((await add(portal)).status).toBe(200)
    portal.faults.next('hold')
    const gaveUp = new AbortController()
    const request = failure(fetch(`${portal.webhookUrl}crm.company.add?fields[TITLE]=A`, { signal: gaveUp.signal }))
    await expect.poll(() => companies(portal)).toBe(3)
    gaveUp.abort()
    expect(await request).toContain('AbortError')
  })

  it('late executes only after the client gave up', async () => {
    const portal = await openPortal()
    const gaveUp = new AbortController()
    const when = () => {
      expect(companies(portal)).toBe(0)
      queueMicrotask(() => gaveUp.abort())
      return true
    }
    portal.faults.next('late', { ms: 40, when })
    const url = `${portal.webhookUrl}crm.company.add?fields[TITLE]=A`
    expect(await failure(fetch(url, { signal: gaveUp.signal }))).toContain('AbortError')
    await expect.poll(() => companies(portal)).toBe(1)
  })

  it.each([
    ['html-403', 403],
    ['html-404', 404],
    ['html-429', 429],
    ['html-502', 502],
    ['html-503', 503],
    ['html-504', 504],
    ['html-200', 200]
  ] as const)('%s is a page instead of an answer, after all, some or none of the commands', async (kind, status) => {
    const portal = await openPortal()
    portal.faults.next(kind)
    portal.faults.next(kind, { executes: 1 })
    portal.faults.next(kind, { executes: 0 })
    const seen: number[] = []
    for (let round = 0; round < 3; round += 1) {
      const reply = await add(portal)
      expect([reply.status, reply.headers.get('content-type'), reply.body]).toEqual([status, 'text/html', undefined])
      seen.push(companies(portal))
    }
    expect(seen).toEqual([2, 3, 3])
  })

  it('php-warning puts a warning before the answer, once or always', async () => {
    const portal = await openPortal()
    portal.faults.next('php-warning')
    const { status, headers, text } = await add(portal)
    expect([status, headers.get('content-type'), companies(portal)]).toEqual([200, 'text/html', 2])
    expect(text).toMatch(/^<br \/>\n<b>Warning<\/b>: {2}.+<br \/>\n\{"result":/)
    expect((await add(portal)).body.result).toMatchObject({ result: { a: 3, b: 4 } })
    portal.configure({ phpWarning: true })
    for (const method of ['profile', 'crm.company.get', 'no.such.method']) {
      expect((await call(portal, method)).text).toMatch(/^<br \/>\n<b>Warning<\/b>/)
    }
  })

  it('missing-result leaves no trace of one executed command', async () => {
    const portal = await openPortal()
    portal.faults.next('missing-result', { command: 1 })
    const { body } = await add(portal)
    expect(JSON.stringify(body.result)).not.toContain('"b"')
    expect(body.result).toMatchObject({ result: { a: 1 }, result_error: [] })
    expect(companies(portal)).toBe(2)
  })
})

describe('a request delivered twice', () => {
  it('is executed again after the first is done, and the second answer goes out', async () => {
    const portal = await openPortal()
    portal.faults.next('duplicate', { ms: 10 })
    expect((await add(portal)).body.result).toMatchObject({ result: { a: 3, b: 4 } })
    expect(companies(portal)).toBe(4)
  })

  it('can be answered at once, before the second delivery is executed', async () => {
    const portal = await openPortal()
    portal.faults.next('duplicate', { ms: 30, answered: 'first' })
    expect((await add(portal)).body.result).toMatchObject({ result: { a: 1, b: 2 } })
    expect(companies(portal)).toBe(2)
    await expect.poll(() => companies(portal)).toBe(4)
  })

  it('can lose its connection when the second delivery begins', async () => {
    const portal = await openPortal({ speed: { commandMs: 20 } })
    portal.faults.next('duplicate', { ms: 10, answered: 'none' })
    expect(await failure(add(portal))).toBe('ECONNRESET')
    expect(companies(portal)).toBe(2)
    await expect.poll(() => companies(portal)).toBe(4)
  })

  it('can be executed beside the first, command by command', async () => {
    const portal = await openPortal({ speed: { commandMs: 200 } })
    portal.faults.next('duplicate', { ms: 5, beside: true })
    const { result } = await batch(portal, {
      a: 'crm.company.add?fields[TITLE]=A',
      b: 'crm.company.add?fields[TITLE]=B'
    })
    expect(result).toEqual({ a: 2, b: 4 })
    expect(portal.state.records('company').map(({ values }) => values.TITLE)).toEqual(['A', 'A', 'B', 'B'])
    expect(portal.stats.maxBusyWorkers).toBe(2)
  })
})

describe('a refusal', () => {
  it('storms of 503 and 429 execute nothing and end', async () => {
    const portal = await openPortal()
    portal.faults.next('query-limit', { times: 2 })
    portal.faults.next('operating-limit', { times: 2 })
    const seen = []
    for (let round = 0; round < 5; round += 1) {
      const { status, body } = await add(portal)
      seen.push([status, body.error])
    }
    expect(seen).toEqual([
      [503, 'QUERY_LIMIT_EXCEEDED'],
      [503, 'QUERY_LIMIT_EXCEEDED'],
      [429, 'OPERATION_TIME_LIMIT'],
      [429, 'OPERATION_TIME_LIMIT'],
      [200, undefined]
    ])
    expect(companies(portal)).toBe(2)
  })

  it('error-object executes nothing and says so as REST 3.0 does; a portal can write every error so', async () => {
    const portal = await openPortal()
    portal.faults.next('error-object')
    const { status, body } = await add(portal)
    expect([status, companies(portal)]).toEqual([400, 0])
    expect(body).toEqual({ error: { code: expect.stringContaining('BITRIX_REST_V3_'), message: 'Internal error' } })
    portal.configure({ errorObjects: true })
    const missing = await call(portal, 'crm.company.get', { id: 9 })
    expect([missing.status, missing.body]).toEqual([400, { error: { code: '', message: 'Not found' } }])
    portal.configure({ refusal: 'PORTAL_DELETED' })
    expect((await call(portal, 'profile')).body.error).toEqual({
      code: 'PORTAL_DELETED',
      message: 'Portal was deleted'
    })
  })

  it('batch-limit refuses the commands of chosen methods', async () => {
    const portal = await openPortal()
    portal.faults.next('batch-limit', { methods: ['crm.contact.add'] })
    const { result, result_error } = await batch(portal, {
      a: 'crm.company.add?fields[TITLE]=A',
      b: 'crm.contact.add?fields[NAME]=B'
    })
    expect(result).toEqual({ a: 1 })
    expect(result_error.b?.error).toBe('OPERATION_TIME_LIMIT')
  })

  it.each([
    ['expired-token', 'expired_token'],
    ['connection-error', 'CONNECTION_ERROR']
  ] as const)('%s comes before anything is executed, and once', async (kind, code) => {
    const portal = await openPortal()
    portal.faults.next(kind)
    const { status, body } = await add(portal)
    expect([status, body.error, companies(portal)]).toEqual([401, code, 0])
    expect((await add(portal)).status).toBe(200)
  })

  it('access-denied hits chosen rows, and the same rows again', async () => {
    const portal = await openPortal()
    const rows = Array.from({ length: 40 }, (_, at) => `crm.company.add?fields[ORIGIN_ID]=run:${at}`)
    portal.faults.next('access-denied', { rows: { fraction: 0.5 }, times: 2 })
    const first = Object.keys((await batch(portal, rows)).result_error)
    expect(first.length).toBeGreaterThan(5)
    expect(first.length).toBeLessThan(35)
    expect(Object.keys((await batch(portal, rows)).result_error)).toEqual(first)
    portal.faults.next('access-denied', { rows: { originIds: ['x:1'], titles: ['T'] } })
    const chosen = await batch(portal, {
      a: 'crm.company.add?fields[ORIGIN_ID]=x:1',
      b: 'crm.company.add?fields[ORIGIN_ID]=x:11',
      c: 'crm.company.add?fields[TITLE]=T',
      d: 'crm.company.delete?id=$result[b]'
    })
    expect(chosen.result_error).toEqual({
      a: { error: '', error_description: 'Access denied.' },
      c: { error: '', error_description: 'Access denied.' }
    })
    expect(chosen.result).toMatchObject({ d: true })
  })
})

describe('a restart', () => {
  it('drops every connection, ends the work where it is and keeps the data', async () => {
    const portal = await openPortal({ speed: { workers: 1, commandMs: 15 } })
    const running = failure(
      batch(
        portal,
        Array.from({ length: 50 }, () => 'crm.company.add?fields[TITLE]=A')
      )
    )
    const queued = failure(add(portal))
    await expect.poll(() => companies(portal)).toBeGreaterThan(1)
    portal.restart()
    expect([await running, await queued]).not.toContain('answered')
    const left = companies(portal)
    portal.configure({ speed: { commandMs: 0 } })
    expect((await call(portal, 'crm.company.list')).body.total).toBe(left)
    expect(left).toBeLessThan(50)
  })

  it('as a fault happens in the middle of a request, and can keep the portal away for a while', async () => {
    const portal = await openPortal()
    portal.faults.next('restart', { executes: 1, downMs: 1000 })
    expect(await failure(add(portal))).not.toBe('answered')
    expect(companies(portal)).toBe(1)
    expect(await failure(call(portal, 'profile'))).toBe('ECONNREFUSED')
    await expect.poll(() => failure(call(portal, 'profile')), { timeout: 10_000 }).toBe('answered')
    portal.faults.next('restart', { downMs: 60_000 })
    await failure(add(portal))
    await portal.close()
  })
})

describe('the switches', () => {
  it('leave single reads alone unless told otherwise', async () => {
    const portal = await openPortal()
    portal.faults.next('html-502')
    expect((await call(portal, 'crm.company.list')).status).toBe(200)
    expect((await call(portal, 'crm.company.add?fields[TITLE]=A')).status).toBe(502)
    portal.faults.next('html-503', { when: ({ method }) => method === 'crm.company.list' })
    portal.faults.next('html-504', { when: ({ commands }) => commands.includes('crm.contact.add') })
    expect((await add(portal)).status).toBe(200)
    expect((await call(portal, 'CRM.Company.List')).status).toBe(503)
    expect((await batch(portal, ['profile'])).result).toHaveLength(1)
    expect((await call(portal, 'batch', { cmd: ['crm.contact.add'] })).status).toBe(504)
  })

  it('draw delays and kinds of double deliveries by the seed', () => {
    const request = { method: 'batch', commands: ['crm.company.add'], writes: true, accessToken: undefined }
    const drawn = (seed: number) => {
      const faults = createFaults()
      const ms = [100, 3000] as const
      faults.random(
        {
          duplicate: [
            { probability: 0.5, ms, answered: 'first' },
            { probability: 0.5, ms, beside: true }
          ]
        },
        seed
      )
      return Array.from({ length: 200 }, () => faults.draw(request))
    }
    const faults = drawn(3)
    expect(drawn(3)).toEqual(faults)
    const delays = faults.map(fault => fault?.ms ?? 0)
    expect([Math.min(...delays) >= 100, Math.max(...delays) <= 3000]).toEqual([true, true])
    expect(new Set(delays).size).toBeGreaterThan(150)
    const besides = faults.filter(fault => fault?.beside === true).length
    expect([besides > 50, besides < 150]).toEqual([true, true])
  })

  it('draw the same faults for the same seed, about as often as asked, and can be cleared', () => {
    const request = { method: 'batch', commands: ['crm.company.add'], writes: true, accessToken: undefined }
    const drawn = (seed: number) => {
      const faults = createFaults()
      faults.random({ 'reset-after': 0.2, hold: { probability: 0.1, ms: 5 } }, seed)
      const kinds = Array.from({ length: 1000 }, () => faults.draw(request)?.kind)
      faults.clear()
      expect(faults.draw(request)).toBeUndefined()
      return { kinds, counts: faults.log.counts }
    }
    const { kinds, counts } = drawn(7)
    expect(drawn(7).kinds).toEqual(kinds)
    expect(drawn(8).kinds).not.toEqual(kinds)
    expect(counts['reset-after']).toBeGreaterThan(150)
    expect(counts['reset-after']).toBeLessThan(250)
    expect(counts.hold).toBeGreaterThan(60)
    expect(counts.hold).toBeLessThan(140)
  })
})
