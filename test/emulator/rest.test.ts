// The REST door of the emulated portal: addresses, parameters, credentials, envelopes.
// Must stay true: everything goes over HTTP; expectations are those of protocol.md, sections 1, 6 and 9.
import { describe, expect, it } from 'vitest'
import type { Method } from '../../emulator/method.ts'
import { call, get, openPortal, post } from './portal-client.ts'

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

describe('credentials', () => {
  it('looks for a token in Authorization, then auth, then access_token', async () => {
    const portal = await openPortal()
    const url = `${portal.origin}/rest/test.echo`
    const good = portal.credentials.issueTokens().access_token
    const bearer = await post(url, '{"auth":"bad","x":1}', 'application/json', { authorization: `Bearer ${good}` })
    expect([bearer.status, bearer.body.result]).toEqual([200, { x: 1 }])
    expect((await post(url, JSON.stringify({ auth: good, access_token: 'bad' }))).status).toBe(200)
    expect((await post(url, JSON.stringify({ auth: 'bad', access_token: good }))).body.error).toBe('NO_AUTH_FOUND')
    expect((await post(url, JSON.stringify({ auth: ['bad'], access_token: good }))).status).toBe(200)
  })

  it('trap 7: tells apart what went wrong with them, with the statuses of live portals', async () => {
    const portal = await openPortal()
    const { credentials } = portal
    const by = async (token: string, method = 'profile') => {
      const { status, body } = await get(`${portal.origin}/rest/${method}?auth=${token}`)
      return [status, body.error]
    }
    const tokens = credentials.issueTokens()
    expect((await get(`${portal.origin}/rest/profile`)).body.error).toBe('NO_AUTH_FOUND')
    expect((await get(`${portal.origin}/rest/1/wrongsecretwrong/profile`)).body.error).toBe('INVALID_CREDENTIALS')
    expect(await by(tokens.access_token)).toEqual([200, undefined])
    credentials.expireToken(tokens.access_token)
    expect(await by(tokens.access_token)).toEqual([401, 'expired_token'])
    const revoked = credentials.issueTokens()
    credentials.revokeTokens()
    expect(await by(revoked.access_token)).toEqual([401, 'invalid_token'])

    const noCrm = portal.webhook({ scope: ['user_brief'] })
    const scope = await get(`${noCrm}crm.company.list`)
    expect([scope.status, scope.body.error, scope.body.error_description]).toEqual([
      401,
      'insufficient_scope',
      'The request requires higher privileges than provided by the webhook token'
    ])
    expect((await get(`${noCrm}user.current`)).status).toBe(200)
    portal.removeWebhook(noCrm)
    expect((await get(`${noCrm}user.current`)).body.error).toBe('INVALID_CREDENTIALS')
  })

  it('can refuse everything, as a portal without REST, a deleted or a blocked one does', async () => {
    const portal = await openPortal()
    const refusals = ['PORTAL_DELETED', 'OVERLOAD_LIMIT', 'PAYMENT_REQUIRED', 'NO_REST_PLAN'] as const
    const answers = []
    for (const refusal of refusals) {
      portal.configure({ refusal })
      const { status, body } = await call(portal, 'profile')
      answers.push([status, body.error])
    }
    expect(answers).toEqual([
      [410, 'PORTAL_DELETED'],
      [503, 'OVERLOAD_LIMIT'],
      [401, 'PAYMENT_REQUIRED'],
      [403, 'ACCESS_DENIED']
    ])
    portal.configure({ refusal: undefined })
    expect((await call(portal, 'profile')).status).toBe(200)
  })

  it('trap 32: CORS does not allow the Authorization header', async () => {
    const portal = await openPortal()
    const preflight = await fetch(`${portal.origin}/rest/profile`, { method: 'OPTIONS' })
    expect([preflight.status, await preflight.text()]).toEqual([200, ''])
    for (const { headers } of [preflight, await call(portal, 'profile'), await call(portal, 'no.such.method')]) {
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-allow-headers')).toBe('origin, content-type, accept')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
    expect(portal.stats.requests).toBe(2)
  })
})

describe('the token endpoint', () => {
  const refresh = (origin: string, fields: Record<string, string>) =>
    post(`${origin}/oauth/token/`, new URLSearchParams(fields).toString(), 'application/x-www-form-urlencoded')

  it('traps 17, 18 and 20: rotates refresh tokens, names its own host and absolute numeric expiry', async () => {
    const portal = await openPortal()
    const { clientId, clientSecret } = portal.credentials
    const first = portal.credentials.issueTokens(2)
    const grant = { grant_type: 'refresh_token', client_id: clientId, client_secret: clientSecret }
    const reply = await refresh(portal.origin, { ...grant, refresh_token: first.refresh_token })
    const second = JSON.parse(reply.text)
    expect(second).toMatchObject({ expires_in: 3600, user_id: 2, domain: portal.host, member_id: first.member_id })
    expect(second.expires).toBeGreaterThan(Date.now() / 1000 + 3500)
    expect(second.access_token).toMatch(/^[0-9a-f]{70}$/)
    expect(second.refresh_token).not.toBe(first.refresh_token)
    const lifetime = (token: string) => Buffer.from(token.slice(0, 8), 'hex').readUInt32LE()
    expect(lifetime(second.access_token)).toBe(second.expires)
    expect(Math.round((lifetime(second.refresh_token) - Date.now() / 1000) / 86_400)).toBe(30)
    const profile = await get(`${portal.origin}/rest/profile?auth=${second.access_token}`)
    expect((profile.body.result as { ID: string }).ID).toBe('2')
    const again = await refresh(portal.origin, { ...grant, refresh_token: first.refresh_token })
    expect([again.status, again.body.error]).toEqual([400, 'invalid_grant'])
    const missing = await refresh(portal.origin, grant)
    expect([missing.status, missing.body.error]).toEqual([400, 'invalid_request'])
    const secret = await refresh(portal.origin, { ...grant, client_secret: 'x', refresh_token: second.refresh_token })
    expect([secret.status, secret.body.error]).toEqual([400, 'invalid_client'])
  })

  it('trap 19: an error that a handler returns instead of throwing it comes with status 200', async () => {
    const soft: Method = {
      name: 'test.soft',
      scope: null,
      handle: () => ({ result: { error: 'SOFT', error_description: 'Not this time' } })
    }
    const portal = await openPortal({ methods: [soft] })
    const { status, text } = await call(portal, 'test.soft')
    expect([status, text]).toEqual([200, '{"error":"SOFT","error_description":"Not this time"}'])
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

  it('trap 38: times are fractions, or whole numbers where the portal writes them so', async () => {
    const portal = await openPortal()
    const { time } = (await call(portal, 'profile')).body
    expect(Object.keys(time)).toEqual([
      'start',
      'finish',
      'duration',
      'processing',
      'date_start',
      'date_finish',
      'operating'
    ])
    expect(time.date_start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00$/)
    portal.configure({ integerTimes: true })
    const whole = (await call(portal, 'profile')).body.time
    expect([Number.isInteger(whole.start), whole.processing]).toEqual([true, 0])
    const box = await openPortal({ plan: 'box' })
    expect(Object.keys((await call(box, 'profile')).body.time)).not.toContain('operating')
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
