// Installing in a portal, through the POST that its install slider makes.
// Must stay true: whoever is not proven leaves no trace in the store (addresses that nobody may be sent to: attack-addresses).
import { describe, expect, test } from 'vitest'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'
import { stateOf } from '../support/portal-pages.ts'

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
    app.authorization.failNext('reset-before', 2)
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
