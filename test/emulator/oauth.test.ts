// The authorization server's double: refreshing, what a token stands for, several portals behind one server.
// Must stay true: everything goes over HTTP to the server's own origin (protocol.md, 6.3 and 6.4).
import { describe, expect, it, onTestFinished } from 'vitest'
import { createAuthorizationServer } from '../../emulator/authorization-server.ts'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import { get, openPortal, post, type Reply } from './portal-client.ts'

const FORM = 'application/x-www-form-urlencoded'
const APP = {
  handlerUrl: 'http://127.0.0.1:9/placement',
  title: { ru: 'Приложение', en: 'Application' },
  scope: ['crm', 'placement']
}

interface Keys {
  readonly clientId: string
  readonly clientSecret: string
}

const refresh = (origin: string, { clientId, clientSecret }: Keys, refreshToken: string): Promise<Reply> =>
  post(
    `${origin}/oauth/token/`,
    new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: clientId,
      client_secret: clientSecret,
      refresh_token: refreshToken
    }).toString(),
    FORM
  )

const outcome = ({ status, body }: Reply) => [status, body.error]
const appInfo = (portal: EmulatedPortal, token: string) =>
  get(`${portal.authorization.origin}/rest/app.info/?auth=${token}`)

describe('the token endpoint', () => {
  it('traps 17, 18 and 20: rotates refresh tokens, names its own host and absolute numeric expiry', async () => {
    const portal = await openPortal()
    const { authorization, credentials } = portal
    const first = credentials.issueTokens(2)
    const second = JSON.parse((await refresh(authorization.origin, credentials, first.refresh_token)).text)
    expect(second).toMatchObject({
      expires_in: 3600,
      user_id: 2,
      domain: authorization.host,
      member_id: portal.memberId,
      server_endpoint: `${authorization.origin}/rest/`,
      client_endpoint: `${portal.origin}/rest/`
    })
    expect(authorization.host).not.toBe(portal.host)
    expect(second.expires).toBeGreaterThan(Date.now() / 1000 + 3500)
    expect(second.access_token).toMatch(/^[0-9a-f]{70}$/)
    expect(second.refresh_token).not.toBe(first.refresh_token)
    const lifetime = (token: string) => Buffer.from(token.slice(0, 8), 'hex').readUInt32LE()
    expect(lifetime(second.access_token)).toBe(second.expires)
    expect(Math.round((lifetime(second.refresh_token) - Date.now() / 1000) / 86_400)).toBe(30)
    const profile = await get(`${portal.origin}/rest/profile?auth=${second.access_token}`)
    expect((profile.body.result as { ID: string }).ID).toBe('2')
    expect(outcome(await refresh(authorization.origin, credentials, first.refresh_token))).toEqual([
      400,
      'invalid_grant'
    ])
    expect(authorization.stats).toMatchObject({ refreshes: 1, requests: 2 })
  })

  it('takes GET as well, and tells apart what is wrong (trap 19: wrong_client with status 200)', async () => {
    const { authorization, credentials, registerApplication } = await openPortal()
    const other = registerApplication(APP)
    const { refresh_token } = credentials.issueTokens()
    const query = (fields: object) => get(`${authorization.origin}/oauth/token/?${new URLSearchParams({ ...fields })}`)
    const keys = { client_id: credentials.clientId, client_secret: credentials.clientSecret }
    const grant = { grant_type: 'refresh_token', ...keys }
    expect(outcome(await query(grant))).toEqual([400, 'invalid_request'])
    expect(outcome(await query({ ...keys, refresh_token }))).toEqual([400, 'invalid_request'])
    const nothing = await query(grant)
    expect(nothing.body).toEqual({
      error: 'invalid_request',
      error_description: 'No "refresh_token" parameter found'
    })
    expect(outcome(await query({ ...grant, client_secret: 'x', refresh_token }))).toEqual([400, 'invalid_client'])
    const unknown = await query({ ...grant, client_id: 'local.x', refresh_token })
    expect([unknown.status, unknown.body]).toEqual([200, { error: 'wrong_client' }])
    expect(outcome(await query({ ...grant, refresh_token: 'x' }))).toEqual([400, 'invalid_grant'])
    expect(outcome(await query({ ...keys, grant_type: 'authorization_code', code: 'x' }))).toEqual([
      400,
      'invalid_grant'
    ])
    expect(outcome(await refresh(authorization.origin, other, refresh_token))).toEqual([200, 'wrong_client'])
    expect(outcome(await query({ ...grant, refresh_token }))).toEqual([200, undefined])
  })

  it('answers a deleted application with wrong_client, and its tokens with APPLICATION_NOT_FOUND', async () => {
    const portal = await openPortal()
    const keys = portal.registerApplication(APP)
    const { access_token, refresh_token } = portal.applications.issueTokens(keys.clientId)
    portal.applications.remove(keys.clientId)
    await portal.eventsSettled()
    const refused = await refresh(portal.authorization.origin, keys, refresh_token)
    expect([refused.status, refused.body]).toEqual([200, { error: 'wrong_client' }])
    const called = await get(`${portal.origin}/rest/profile?auth=${access_token}`)
    expect(outcome(called)).toEqual([401, 'APPLICATION_NOT_FOUND'])
  })

  it.each(['expired_token', 'invalid_token', 'NO_AUTH_FOUND'] as const)(
    'can end the access token that came with the refresh token, told as %s',
    async replacedToken => {
      const portal = await openPortal({ replacedToken })
      const { authorization, credentials } = portal
      const profile = async (token: string) => outcome(await get(`${portal.origin}/rest/profile?auth=${token}`))
      const [first, other] = [credentials.issueTokens(2), credentials.issueTokens(2)]
      const second = JSON.parse((await refresh(authorization.origin, credentials, first.refresh_token)).text)
      expect(await profile(first.access_token)).toEqual([401, replacedToken])
      expect(await profile(second.access_token)).toEqual([200, undefined])
      expect(await profile(other.access_token)).toEqual([200, undefined])
      portal.configure({ replacedToken: 'valid' })
      expect(await profile(first.access_token)).toEqual([200, undefined])
    }
  )

  it('is not on the portal, and knows nothing but its two addresses', async () => {
    const { origin, authorization, credentials } = await openPortal()
    expect((await refresh(origin, credentials, credentials.issueTokens().refresh_token)).status).toBe(404)
    expect(outcome(await get(`${authorization.origin}/rest/profile`))).toEqual([404, 'ERROR_METHOD_NOT_FOUND'])
    expect((await get(`${authorization.origin}/`)).status).toBe(404)
  })

  it('can lose the answer of a refresh that counts, or fail before it', async () => {
    const { authorization, credentials } = await openPortal()
    const { refresh_token } = credentials.issueTokens()
    const again = () => refresh(authorization.origin, credentials, refresh_token)
    authorization.failNext('reset-before')
    await expect(again()).rejects.toThrow('fetch failed')
    authorization.failNext('html-502')
    expect((await again()).text).toContain('502 Bad Gateway')
    expect(authorization.stats.refreshes).toBe(0)
    authorization.failNext('reset-after')
    await expect(again()).rejects.toThrow('fetch failed')
    expect(outcome(await again())).toEqual([400, 'invalid_grant'])
  })
})

describe('app.info', () => {
  it('traps 14 and 20: tells whose token it is, on which portal, with a date as text', async () => {
    const portal = await openPortal()
    const { clientId } = portal.registerApplication({ ...APP, installUrl: 'http://127.0.0.1:9/install' })
    const { access_token } = portal.applications.issueTokens(clientId, 2)
    const { body } = await appInfo(portal, access_token)
    expect(body.result).toMatchObject({
      client_id: clientId,
      scope: 'crm,placement',
      expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
      user_id: '2',
      install: {
        installed: false,
        version: '1',
        status: 'L',
        domain: portal.host,
        uri: portal.origin,
        client_endpoint: `${portal.origin}/rest/`,
        member_id: portal.memberId
      }
    })
    expect(body.time).toHaveProperty('date_start')
    portal.applications.finishInstall(clientId)
    const unslashed = await get(`${portal.authorization.origin}/rest/app.info?auth=${access_token}`)
    expect(unslashed.body.result).toMatchObject({ install: { installed: true } })
  })

  it('refuses unknown, expired and revoked tokens', async () => {
    const portal = await openPortal()
    const { access_token } = portal.credentials.issueTokens()
    expect(outcome(await appInfo(portal, 'x'))).toEqual([400, 'invalid_client'])
    expect((await get(`${portal.authorization.origin}/rest/app.info/`)).body).toEqual({ error: 'invalid_client' })
    portal.credentials.expireToken(access_token)
    expect(outcome(await appInfo(portal, access_token))).toEqual([401, 'expired_token'])
    const revoked = portal.credentials.issueTokens()
    portal.credentials.revokeTokens()
    expect(outcome(await appInfo(portal, revoked.access_token))).toEqual([401, 'invalid_token'])
  })
})

describe('several portals', () => {
  it('share one authorization server, and each takes its own tokens only', async () => {
    const authorization = await createAuthorizationServer()
    onTestFinished(() => authorization.close())
    const keys = { clientId: 'local.0123456789abcd.01234567', clientSecret: 'secret' }
    const [first, second] = [await openPortal({ authorization }), await openPortal({ authorization })]
    for (const portal of [first, second]) portal.registerApplication({ ...APP, ...keys })
    expect(first.memberId).not.toBe(second.memberId)
    expect(first.port).not.toBe(second.port)
    for (const [portal, other] of [
      [first, second],
      [second, first]
    ] as const) {
      const tokens = portal.applications.issueTokens(keys.clientId)
      const refreshed = JSON.parse((await refresh(authorization.origin, keys, tokens.refresh_token)).text)
      expect(refreshed).toMatchObject({ member_id: portal.memberId, client_endpoint: `${portal.origin}/rest/` })
      expect((await get(`${portal.origin}/rest/profile?auth=${refreshed.access_token}`)).status).toBe(200)
      const foreign = await get(`${other.origin}/rest/profile?auth=${refreshed.access_token}`)
      expect(outcome(foreign)).toEqual([401, 'invalid_token'])
      const info = await appInfo(other, refreshed.access_token)
      expect(info.body.result).toMatchObject({ install: { member_id: portal.memberId } })
    }
    await first.close()
    expect(outcome(await appInfo(second, first.applications.issueTokens(keys.clientId).access_token))).toEqual([
      400,
      'invalid_client'
    ])
  })

  it('trap 40: a renamed portal sends callers of its old address to the new one, with its tokens and member id', async () => {
    const portal = await openPortal()
    const old = portal.origin
    const { access_token, refresh_token } = portal.credentials.issueTokens()
    await portal.rename()
    const moved = await get(`${old}/rest/profile?auth=${access_token}`)
    expect([moved.status, moved.headers.get('location')]).toEqual([
      302,
      `${portal.origin}/rest/profile?auth=${access_token}`
    ])
    expect((await get(moved.headers.get('location') ?? '')).status).toBe(200)
    expect((await get(`${old}/crm/company/list/`)).headers.get('location')).toBe(`${portal.origin}/crm/company/list/`)
    const tokens = JSON.parse((await refresh(portal.authorization.origin, portal.credentials, refresh_token)).text)
    expect(tokens).toMatchObject({ client_endpoint: `${portal.origin}/rest/`, member_id: portal.memberId })
    expect(portal.origin).not.toBe(old)
  })
})
