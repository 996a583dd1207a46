// Installing in a portal, through the POST that its install slider makes.
// Must stay true: whoever is not proven leaves no trace in the store, and no address out of a request is ever contacted.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCanary } from '../support/canary.ts'
import { KEYS, openPortalApp, type PortalApp, stateOf } from '../support/portal-app.ts'

const PLACEMENTS = [
  'CRM_ANALYTICS_MENU',
  'CRM_COMPANY_LIST_MENU',
  'CRM_COMPANY_LIST_TOOLBAR',
  'CRM_CONTACT_LIST_MENU',
  'CRM_CONTACT_LIST_TOOLBAR',
  'LEFT_MENU'
]

const boundIn = ({ portal }: PortalApp): string[] =>
  portal.applications
    .placements(KEYS.clientId)
    .map(({ placement }) => placement)
    .sort()

describe('an administrator', () => {
  test('installs: tokens are stored, placements and events bound, and the page lists the steps', async () => {
    const app = await openPortalApp()
    const reply = await app.post('/install')
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-security-policy')).toContain(`frame-ancestors ${app.portal.origin}`)
    expect(reply.headers.get('x-frame-options')).toBeNull()
    expect(reply.headers.get('set-cookie')).toBeNull()
    const { steps, complete, lang } = stateOf(reply)
    expect([complete, lang]).toEqual([true, 'ru'])
    expect(steps.map(({ result }: { result: string }) => result)).toEqual(Array(8).fill('done'))
    expect(boundIn(app)).toEqual(PLACEMENTS)
    expect(
      app.portal.applications
        .eventHandlers(KEYS.clientId)
        .map(({ event }) => event)
        .sort()
    ).toEqual(['ONAPPINSTALL', 'ONAPPUNINSTALL'])
    expect(await app.installation()).toMatchObject({ status: 'new', origin: app.portal.origin, boundTo: app.origin })
    expect(await app.store().tokens(app.portal.memberId, '1')).toBeDefined()
  })

  test('may install again: everything is bound once, and the menu has titles in both languages', async () => {
    const app = await openPortalApp()
    await app.post('/install')
    const again = await app.post('/install')
    expect(stateOf(again).complete).toBe(true)
    expect(boundIn(app)).toEqual(PLACEMENTS)
    expect(app.portal.applications.eventHandlers(KEYS.clientId)).toHaveLength(2)
  })

  test('installs from an older portal too, which sends fewer fields', async () => {
    const app = await openPortalApp()
    app.portal.configure({ newerFields: false })
    expect((await app.post('/install')).status).toBe(200)
    expect(await app.installation()).toMatchObject({ authorization: app.authorization.origin, applicationToken: null })
    app.portal.applications.finishInstall(KEYS.clientId)
    await app.portal.eventsSettled()
    await expect.poll(async () => (await app.installation())?.applicationToken).toMatch(/^[0-9a-f]{32}$/)
  })

  test('goes on after a restart between any two steps', async () => {
    const app = await openPortalApp()
    await app.post('/install')
    await app.restart()
    app.portal.applications.finishInstall(KEYS.clientId)
    await app.portal.eventsSettled()
    await app.restart()
    expect((await app.post('/placement')).status).toBe(200)
    await app.restart()
    expect(await app.installation()).toMatchObject({ status: 'active' })
  })
})

describe('is refused, and nothing is stored', () => {
  const nothing = async (app: PortalApp): Promise<void> => {
    expect(await app.installation()).toBeUndefined()
    expect(boundIn(app)).toEqual([])
  }

  test('an ordinary user, who reads that an administrator is needed', async () => {
    const app = await openPortalApp({ installPath: false })
    const reply = await app.post('/install', { person: 2 })
    expect([reply.status, reply.text]).toEqual([403, expect.stringContaining('администратор')])
    await nothing(app)
  })

  test('an application without the right "placement", with what to do', async () => {
    const app = await openPortalApp({ scope: ['crm'] })
    const reply = await app.post('/install')
    expect([reply.status, reply.text]).toEqual([403, expect.stringContaining('placement')])
    await nothing(app)
  })

  test('a request that holds no handshake, part of one, or other types', async () => {
    const app = await openPortalApp()
    const changes = [
      { AUTH_ID: undefined },
      { AUTH_ID: '' },
      { member_id: undefined },
      { member_id: '../../etc/passwd' },
      { REFRESH_ID: undefined },
      { AUTH_ID: 'a b' }
    ]
    for (const fields of changes) expect((await app.post('/install', {}, { fields })).status).toBe(403)
    for (const body of ['', 'AUTH_ID[]=1&AUTH_ID[]=2', '%', '{}']) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      expect((await app.send('/install?DOMAIN=a&DOMAIN=b', { method: 'POST', body, headers })).status).toBe(403)
    }
    await nothing(app)
  })

  test('a portal that is not on the list', async () => {
    const canary = await openCanary()
    const app = await openPortalApp()
    const asked = app.authorization.stats.requests
    const { port } = canary
    const own = app.portal.host
    const domains = [
      ...[
        `127.0.0.1:${port}`,
        `localhost:${port}`,
        `[::1]:${port}`,
        `0.0.0.0:${port}`,
        '169.254.169.254',
        '10.0.0.1',
        '192.168.1.1'
      ],
      ...[`2130706433:${port}`, `0x7f000001:${port}`, `0177.0.0.1:${port}`, `127.1:${port}`, `127.0.0.1.:${port}`],
      ...[
        `user@127.0.0.1:${port}`,
        `${own}@127.0.0.1:${port}`,
        `127.0.0.1:${port}#.bitrix24.com`,
        `127.0.0.1:${port}/.bitrix24.com`
      ],
      ...[
        'portal.example.evil.tld',
        'portal.bitrix24.com.evil.tld',
        'bitrix24.com',
        '.bitrix24.com',
        'a.b.bitrix24.com'
      ],
      ...[
        `portal.bitrix24.com:${port}`,
        `${own.split(':')[0]}`,
        'xbitrix24.com',
        'portal.bitrix24.com.',
        '<script>.bitrix24.com',
        '*.bitrix24.com'
      ]
    ]
    for (const DOMAIN of domains) {
      for (const path of ['/install', '/placement'] as const) {
        const reply = await app.post(path, {}, { query: { DOMAIN } })
        expect([reply.status, reply.headers.get('content-security-policy')], DOMAIN).toEqual([
          403,
          expect.stringContaining("frame-ancestors 'none'")
        ])
        expect(reply.text, DOMAIN).not.toContain('<script>.')
      }
    }
    expect(canary.contacts()).toBe(0)
    expect(app.authorization.stats.requests).toBe(asked)
    await nothing(app)
  })

  test('an authorization server that is not on the list', async () => {
    const canary = await openCanary()
    const app = await openPortalApp()
    const { port } = canary
    const own = new URL(app.authorization.origin).host
    const endpoints = [
      ...[
        `http://127.0.0.1:${port}/rest/`,
        `http://localhost:${port}/rest/`,
        `https://127.0.0.1:${port}/rest/`,
        `http://[::1]:${port}/`
      ],
      ...[
        `http://2130706433:${port}/rest/`,
        `http://0177.0.0.1:${port}/rest/`,
        'http://169.254.169.254/rest/',
        'http://10.0.0.1/rest/'
      ],
      ...[
        `http://${own}@127.0.0.1:${port}/rest/`,
        `http://user@${own}/rest/`,
        `http://${own}.evil.tld/rest/`,
        `${app.authorization.origin}0/rest/`
      ],
      ...[`https://${own}/rest/`, 'file:///etc/passwd', 'javascript:alert(1)', '//evil.tld', 'oauth.bitrix.info']
    ]
    for (const SERVER_ENDPOINT of endpoints) {
      const reply = await app.post('/install', {}, { fields: { SERVER_ENDPOINT } })
      expect(reply.status, SERVER_ENDPOINT).toBe(403)
    }
    expect(canary.contacts()).toBe(0)
    expect(app.authorization.stats.requests).toBe(0)
    await nothing(app)
  })

  test('a server that redirects', async () => {
    const canary = await openCanary()
    const redirecting = createServer((_, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${canary.port}/rest/app.info/` }).end()
    })
    await new Promise<void>(resolve => redirecting.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      redirecting.close()
    })
    const { port } = redirecting.address() as AddressInfo // TCP
    const app = await openPortalApp({ oauthUrls: [`http://127.0.0.1:${port}`] })
    const fields = { SERVER_ENDPOINT: `http://127.0.0.1:${port}/rest/` }
    expect((await app.post('/install', {}, { fields })).status).toBe(502)
    expect(canary.contacts()).toBe(0)
    await nothing(app)
  })

  test('a grant of another application of the same portal', async () => {
    const app = await openPortalApp()
    const foreign = app.portal.credentials.issueTokens()
    const fields = { AUTH_ID: foreign.access_token, REFRESH_ID: foreign.refresh_token }
    expect((await app.post('/install', {}, { fields })).status).toBe(403)
    await nothing(app)
  })

  test('a grant of portal A that is presented for portal B', async () => {
    const app = await openPortalApp({ portals: 2 })
    const [a, b] = app.portals
    if (a === undefined || b === undefined) throw new Error('two portals')
    const grant = a.applications.issueTokens(KEYS.clientId)
    const fields = { AUTH_ID: grant.access_token, REFRESH_ID: grant.refresh_token }
    for (const change of [
      { portal: b, fields },
      { portal: b, fields: { ...fields, member_id: a.memberId } },
      { portal: a, fields: { ...fields, member_id: b.memberId } },
      { portal: a, fields, query: { DOMAIN: b.host } }
    ]) {
      expect((await app.post('/install', {}, change)).status).toBe(403)
    }
    expect([await app.installation(a), await app.installation(b)]).toEqual([undefined, undefined])
  })

  test('tokens that are invented, expired or taken back', async () => {
    const app = await openPortalApp()
    expect((await app.post('/install', {}, { fields: { AUTH_ID: 'f'.repeat(70) } })).status).toBe(403)
    const grant = app.portal.applications.issueTokens(KEYS.clientId)
    app.portal.credentials.expireToken(grant.access_token)
    expect((await app.post('/install', {}, { fields: { AUTH_ID: grant.access_token } })).status).toBe(403)
    await nothing(app)
  })

  test('everybody, while the authorization server does not answer properly', async () => {
    const app = await openPortalApp()
    app.authorization.failNext('html-502')
    expect((await app.post('/install')).status).toBe(502)
    app.authorization.failNext('reset-before')
    expect((await app.post('/install')).status).toBe(502)
    await nothing(app)
    expect((await app.post('/install')).status).toBe(200)
  })
})

test('opened by hand, the page explains itself, in the language of the visitor', async () => {
  const app = await openPortalApp()
  for (const path of ['/install', '/placement']) {
    const reply = await app.send(path, { headers: { 'accept-language': 'en' } })
    expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('form of the local application')])
  }
  expect((await app.send('/install', { method: 'PUT' })).status).toBeGreaterThanOrEqual(403)
})
