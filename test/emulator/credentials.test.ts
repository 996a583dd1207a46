// Who gets in at the emulated portal: webhooks, tokens, refreshing, and what refusals look like.
// Must stay true: statuses are those of live portals (protocol.md, 1.7), over HTTP.
import { describe, expect, it } from 'vitest'
import type { Method } from '../../emulator/method.ts'
import { call, get, openPortal, post } from './portal-client.ts'

describe('credentials', () => {
  it('looks for a token in Authorization, then auth, then access_token', async () => {
    const portal = await openPortal()
    const url = `${portal.origin}/rest/test.echo`
    const good = portal.credentials.issueTokens().access_token
    const bearer = await post(url, '{"auth":"bad","x":1}', 'application/json', { authorization: `Bearer ${good}` })
    expect([bearer.status, bearer.body.result]).toEqual([200, { x: 1 }])
    expect((await post(url, JSON.stringify({ auth: good, access_token: 'bad' }))).status).toBe(200)
    expect((await post(url, JSON.stringify({ auth: 'bad', access_token: good }))).body.error).toBe('invalid_token')
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
    const refusals = [
      'PORTAL_DELETED',
      'OVERLOAD_LIMIT',
      'PAYMENT_REQUIRED',
      'NO_REST_PLAN',
      'authorization_error',
      'user_access_error',
      'ERROR_OAUTH',
      'CONNECTION_ERROR'
    ] as const
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
      [403, 'ACCESS_DENIED'],
      [401, 'authorization_error'],
      [403, 'user_access_error'],
      [401, 'ERROR_OAUTH'],
      [401, 'CONNECTION_ERROR']
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
