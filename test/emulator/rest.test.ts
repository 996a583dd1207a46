// The REST door of the emulated portal: addresses, parameters, envelopes, system methods.
// Must stay true: everything goes over HTTP; expectations are those of protocol.md, sections 1, 6 and 9.
import { describe, expect, it } from 'vitest'
import { type BatchResult, call, get, openPortal, post } from './portal-client.ts'

const ADD = 'crm.company.add'

describe('addresses', () => {
  it('trap 31: takes double slashes, a trailing slash, .json, any letter case and telemetry parameters', async () => {
    const portal = await openPortal()
    const token = portal.credentials.issueTokens().access_token
    for (const url of [
      `${portal.webhookUrl}profile`,
      `${portal.webhookUrl}profile/`,
      `${portal.webhookUrl}/profile`,
      `${portal.webhookUrl}profile.json`,
      `${portal.webhookUrl}PROFILE.JSON/?bx24_request_id=1&bx24_sdk_ver=2.2.0&bx24_sdk_type=b24-js-sdk`,
      `${portal.origin}/rest//profile?auth=${token}`,
      `${portal.origin}//rest/profile/?access_token=${token}`
    ]) {
      const { status, body } = await get(url)
      expect([url, status, (body.result as { ID: string }).ID]).toEqual([url, 200, '1'])
    }
  })

  it('trap 33: an unknown method beats wrong credentials, and malformed JSON is an empty parameter set', async () => {
    const portal = await openPortal()
    const unknown = await get(`${portal.origin}/rest/1/wrongsecretwrong/crm.nothing.at.all`)
    expect([unknown.status, unknown.body.error]).toEqual([404, 'ERROR_METHOD_NOT_FOUND'])
    const bare = await get(`${portal.origin}/rest/no.such.method`)
    expect([bare.status, bare.body.error_description]).toEqual([404, 'Method not found!'])
    const malformed = await post(`${portal.webhookUrl}test.echo?a=1`, '{"b":')
    expect(malformed.body.result).toEqual({ a: '1' })
    for (const path of ['/rest', '/rest/', '/rest/1/x', '/rest/api/1/x/profile']) {
      expect((await get(portal.origin + path)).status).toBe(404)
    }
  })

  it('trap 40: a renamed portal answers 302, and a POST turned into GET loses its body', async () => {
    const renamed = await openPortal()
    const old = await openPortal({ movedTo: renamed.origin })
    const path = `${new URL(renamed.webhookUrl).pathname}test.echo?q=1`
    const { status, headers } = await post(old.origin + path, '{"a":1}')
    expect([status, headers.get('location')]).toEqual([302, renamed.origin + path])
    const asGet = await get(renamed.origin + path)
    const again = await post(renamed.origin + path, '{"a":1}')
    expect([asGet.body.result, again.body.result]).toEqual([{ q: '1' }, { q: '1', a: 1 }])
  })
})

describe('parameters', () => {
  it('merges the query with a JSON or form body, and the body wins', async () => {
    const portal = await openPortal()
    const url = `${portal.webhookUrl}test.echo?a=1&b[c]=2`
    expect((await post(url, '{"a":5,"d":{"e":[true,null]}}')).body.result).toEqual({
      a: 5,
      b: { c: '2' },
      d: { e: [true, null] }
    })
    const form = await post(url, 'a=7&f[]=x&f[]=y', 'application/x-www-form-urlencoded; charset=utf-8')
    expect(form.body.result).toEqual({ a: '7', b: { c: '2' }, f: ['x', 'y'] })
    expect((await post(url, 'a=8', 'text/plain')).body.result).toEqual({ a: '8', b: { c: '2' } })
    expect((await post(url, '"text"')).body.result).toEqual({ a: '1', b: { c: '2' } })
  })

  it('trap 34: a top-level parameter called token makes any call a file link', async () => {
    const portal = await openPortal()
    const { status, body } = await call(portal, 'profile', { token: 'x' })
    expect([status, body.error, body.error_description]).toEqual([
      403,
      'ACCESS_DENIED',
      'Access denied! Link check failed'
    ])
    expect((await call(portal, 'test.echo', { a: { token: 'x' } })).status).toBe(200)
  })

  it('refuses bodies beyond 10 MB and stays alive', async () => {
    const portal = await openPortal()
    const large = await post(`${portal.webhookUrl}test.echo`, `a=${'x'.repeat(11 * 1024 * 1024)}`, 'text/plain')
    expect([large.status, large.headers.get('content-type')]).toEqual([413, 'text/html'])
    expect((await call(portal, 'profile')).status).toBe(200)
  })

  it('trap 43: Idempotency-Key means nothing to the classic methods: a blind retry makes a second record', async () => {
    const portal = await openPortal()
    const body = JSON.stringify({ fields: { TITLE: 'Once', ORIGINATOR_ID: 'O', ORIGIN_ID: '1' } })
    const key = { 'idempotency-key': 'same' }
    await post(portal.webhookUrl + ADD, body, 'application/json', key)
    await post(portal.webhookUrl + ADD, body, 'application/json', key)
    expect(portal.state.withOriginTag('company', 'O', '1')).toHaveLength(2)
  })
})

describe('envelopes', () => {
  it("prints result, next, total, time in this order, with PHP's escapes", async () => {
    const portal = await openPortal({ seed: { companies: 60 } })
    const { body, headers, text } = await call(portal, 'crm.company.list', { select: ['ID'] })
    expect(Object.keys(body)).toEqual(['result', 'next', 'total', 'time'])
    expect([body.next, body.total]).toEqual([50, 60])
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(text).toContain('"date_start":"')
    const echoed = await call(portal, 'test.echo', { html: '</b>', none: {}, list: { 0: 'a', 1: 'b' } })
    expect(echoed.text).toContain('{"result":{"html":"\\u003C\\/b\\u003E","none":[],"list":["a","b"]}')
  })

  const TIME_KEYS = ['start', 'finish', 'duration', 'processing', 'date_start', 'date_finish']

  it('trap 38: `start` is whole, so that `duration` and `processing` count from there, in every block', async () => {
    const portal = await openPortal({ speed: { commandMs: 3 } })
    const { body } = await call(portal, 'batch', { cmd: { a: 'profile', b: 'profile' } })
    const { result_time } = body.result as BatchResult
    const blocks = [body.time, ...Object.values(result_time)] as { readonly [name: string]: number }[]
    expect(blocks).toHaveLength(3)
    for (const { start = 0.5, finish = 0, duration = 0, processing } of blocks) {
      expect(Number.isInteger(start)).toBe(true)
      expect(duration).toBeCloseTo(finish - start, 5)
      expect(processing).toBe(Math.floor(finish) - start)
    }
    const { a, b } = result_time
    expect((b?.finish ?? 0) - (a?.finish ?? 0)).toBeCloseTo(0.003, 5)
    expect(Object.keys((await call(portal, 'profile')).body.time)).toEqual(expect.arrayContaining(TIME_KEYS))
  })

  it('the older form has exact fractions', async () => {
    const portal = await openPortal({ integerTimes: false, speed: { commandMs: 3 } })
    const { time } = (await call(portal, 'profile')).body
    expect(Object.keys(time).slice(0, 6)).toEqual(TIME_KEYS)
    expect([time.duration, time.processing]).toEqual([0.003, 0.003])
    expect(Number.isInteger(time.start)).toBe(false)
    expect(time.date_start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00$/)
    const box = await openPortal({ plan: 'box' })
    expect(Object.keys((await call(box, 'profile')).body.time)).toEqual(TIME_KEYS)
  })

  it('trap 48: errors have no time block', async () => {
    const portal = await openPortal()
    const { status, text } = await call(portal, 'crm.company.get', { id: 0 })
    expect([status, text]).toEqual([400, '{"error":"","error_description":"ID is not defined or invalid."}'])
  })
})

describe('system methods', () => {
  it('say who is calling and what can be called', async () => {
    const portal = await openPortal()
    const user = portal.webhook({ person: 2, scope: ['crm', 'user_brief'] })
    const result = async (path: string): Promise<unknown> => (await get(user + path)).body.result
    expect(await result('profile')).toMatchObject({ ID: '2', ADMIN: false })
    expect(await result('user.admin')).toBe(false)
    expect((await call(portal, 'user.admin')).body.result).toBe(true)
    expect(await result('user.current')).not.toHaveProperty('EMAIL')
    expect((await call(portal, 'user.current')).body.result).toHaveProperty('EMAIL')
    expect(await result('scope')).toEqual(['crm', 'user_brief'])
    expect(await result('scope?FULL=1')).toContain('placement')
    expect(await result('methods')).toEqual(expect.arrayContaining(['batch', 'crm.company.add', 'server.time']))
    expect(await result('methods?scope=crm')).not.toContain('server.time')
    expect(await result('method.get?name=crm.company.add')).toEqual({ isExisting: true, isAvailable: true })
    expect(await result('method.get?name=CRM.company.add')).toEqual({ isExisting: false, isAvailable: false })
    const bare = portal.webhook({ scope: [] })
    expect((await get(`${bare}method.get?name=crm.company.add`)).body.result).toEqual({
      isExisting: true,
      isAvailable: false
    })
    expect(await result('server.time')).toMatch(/\+03:00$/)
    expect(await result('app.info')).toMatchObject({ SCOPE: ['crm', 'user_brief'] })
    const { access_token } = portal.credentials.issueTokens()
    expect((await get(`${portal.origin}/rest/app.info?auth=${access_token}`)).body.result).toMatchObject({
      CODE: portal.credentials.clientId,
      INSTALLED: true,
      STATUS: 'L'
    })
  })
})
