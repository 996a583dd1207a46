// The life of a local application: form, installation, openings, re-installation, removal.
// Must stay true: the state machine of protocol.md, 5.2, seen through requests that reach the application's server.
import { describe, expect, it } from 'vitest'
import type { ApplicationForm } from '../../emulator/application.ts'
import type { EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import { openAppServer } from './app-server.ts'
import { get, openPortal, post } from './portal-client.ts'

async function openRegistered(form: Partial<ApplicationForm> = {}, options: EmulatedPortalOptions = {}) {
  const app = await openAppServer()
  const portal = await openPortal(options)
  const keys = portal.registerApplication({
    handlerUrl: `${app.origin}/placement?v=1`,
    title: { ru: 'Приложение', en: 'Application' },
    scope: ['crm', 'placement'],
    ...form
  })
  const asAdmin = async (method: string, params: object = {}) => {
    const auth = portal.applications.issueTokens(keys.clientId).access_token
    return (await post(`${portal.origin}/rest/${method}`, JSON.stringify({ ...params, auth }))).body
  }
  const bindLifeEvents = async () => {
    for (const event of ['ONAPPINSTALL', 'ONAPPUNINSTALL']) {
      await asAdmin('event.bind', { event, handler: `${app.origin}/events` })
    }
  }
  return { app, portal, ...keys, asAdmin, bindLifeEvents }
}

const INSTALL = { installUrl: 'http://127.0.0.1:9/install' }

describe('installation', () => {
  it('trap 13: without an installation path is over at once, and no ONAPPINSTALL comes', async () => {
    const { app, portal, clientId, bindLifeEvents } = await openRegistered()
    await bindLifeEvents()
    expect(portal.applications.installed(clientId)).toBe(true)
    expect(portal.open({ clientId }).install).toBe(false)
    expect(portal.applications.finishInstall(clientId)).toBe(true)
    await portal.eventsSettled()
    expect(app.arrivals).toEqual([])
  })

  it('trap 11: is finished by an administrator, and ONAPPINSTALL goes to handlers bound before that', async () => {
    const { app, portal, clientId, bindLifeEvents } = await openRegistered(INSTALL)
    expect(portal.open({ clientId })).toMatchObject({ install: true, placement: 'DEFAULT' })
    expect(portal.open({ clientId, placement: 'LEFT_MENU' }).url).toMatch(/^http:\/\/127\.0\.0\.1:9\/install\?DOMAIN=/)
    expect(() => portal.open({ clientId, person: 2 })).toThrow('not-installed')
    await bindLifeEvents()
    await portal.deliverEvent({ clientId, event: 'ONAPPINSTALL', person: 1 })
    expect(app.arrivals).toEqual([]) // not installed: no events
    expect(portal.applications.finishInstall(clientId, 2)).toBe(false)
    expect(portal.applications.finishInstall(clientId)).toBe(true)
    await portal.eventsSettled()
    expect(app.arrivals[0]?.fields).toMatchObject({
      event: 'ONAPPINSTALL',
      data: { VERSION: '1', ACTIVE: 'Y', INSTALLED: 'Y', LANGUAGE_ID: 'ru' },
      auth: { refresh_token: expect.stringMatching(/^[0-9a-f]{70}$/), user_id: '1' }
    })
    expect(portal.open({ clientId, person: 2 }).install).toBe(false)
  })

  it('of a script-only application is a server-to-server ONAPPINSTALL at once', async () => {
    const app = await openAppServer()
    const portal = await openPortal()
    const { applicationToken } = portal.registerApplication({
      handlerUrl: `${app.origin}/`,
      installUrl: `${app.origin}/installed`,
      title: { ru: 'Скрипт', en: 'Script' },
      scope: ['crm'],
      scriptOnly: true
    })
    await portal.eventsSettled()
    expect(app.arrivals).toMatchObject([
      { path: '/installed', fields: { event: 'ONAPPINSTALL', auth: { application_token: applicationToken } } }
    ])
  })

  it('comes again after "Reinstall", but not after the form is saved again', async () => {
    const { portal, clientId, bindLifeEvents, app, asAdmin } = await openRegistered(INSTALL)
    await bindLifeEvents()
    portal.applications.finishInstall(clientId)
    portal.applications.save(clientId, { scope: ['crm', 'placement', 'user_brief'] })
    expect(portal.applications.installed(clientId)).toBe(true)
    expect(portal.open({ clientId }).tokens.scope).toBe('crm,placement,user_brief')
    portal.applications.reinstall(clientId)
    expect(portal.open({ clientId }).install).toBe(true)
    expect(await asAdmin('app.info')).toMatchObject({ result: { INSTALLED: false } })
    portal.applications.finishInstall(clientId)
    await portal.eventsSettled()
    expect(app.arrivals.map(({ fields }) => fields['event'])).toEqual(['ONAPPINSTALL', 'ONAPPINSTALL'])
  })

  it('shows placements only once it is over', async () => {
    const { portal, clientId, asAdmin } = await openRegistered(INSTALL)
    await asAdmin('placement.bind', { PLACEMENT: 'LEFT_MENU', HANDLER: 'http://127.0.0.1:9/p', TITLE: 'Here I am' })
    const page = async () => (await get(`${portal.origin}/`)).text
    expect(await page()).not.toContain('Here I am')
    portal.applications.finishInstall(clientId)
    expect(await page()).toContain('Here I am')
  })
})

describe('opening', () => {
  it('traps 14, 15 and 16: sends an unsigned form, in order, with PHP-escaped options', async () => {
    const { portal, clientId, asAdmin, applicationToken } = await openRegistered()
    const handler = 'http://127.0.0.1:9/p'
    await asAdmin('placement.bind', { PLACEMENT: 'CRM_COMPANY_LIST_MENU', HANDLER: handler })
    const wish = { clientId, placement: 'CRM_COMPANY_LIST_MENU', options: { ID: '12' }, person: 2, lang: 'en' } as const
    const opening = portal.open(wish)
    expect(Object.fromEntries(opening.fields)).toMatchObject({
      AUTH_EXPIRES: '3600',
      SERVER_ENDPOINT: `${portal.authorization.origin}/rest/`,
      APPLICATION_TOKEN: applicationToken,
      APPLICATION_SCOPE: 'crm,placement',
      PLACEMENT_OPTIONS: '{"ID":"12","URI":"\\/crm\\/company\\/list\\/"}'
    })
    const url = new URL(opening.url)
    expect(url.origin + url.pathname).toBe(handler)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      DOMAIN: portal.host,
      PROTOCOL: '0',
      LANG: 'en',
      APP_SID: opening.sid
    })
    const whose = await get(`${portal.origin}/rest/profile?auth=${opening.tokens.access_token}`)
    expect(whose.body.result).toMatchObject({ ID: '2', ADMIN: false })
    expect(portal.open(wish).sid).not.toBe(opening.sid)

    portal.configure({ newerFields: false })
    expect(portal.open(wish).fields.map(([name]) => name)).toEqual([
      'AUTH_ID',
      'AUTH_EXPIRES',
      'REFRESH_ID',
      'member_id',
      'status',
      'PLACEMENT',
      'PLACEMENT_OPTIONS'
    ])
    await asAdmin('placement.bind', { PLACEMENT: 'LEFT_MENU', HANDLER: handler })
    expect(portal.open({ clientId, placement: 'LEFT_MENU' }).body).not.toContain('PLACEMENT_OPTIONS')
    expect(portal.open({ clientId }).url).toContain('/placement?v=1&DOMAIN=')
    expect(() => portal.open({ clientId, placement: 'CRM_ANALYTICS_MENU' })).toThrow('not-bound')
  })
})

describe('removal', () => {
  it.each([
    [false, '0'],
    [true, '1']
  ])(
    'trap 25: with clean %s sends ONAPPUNINSTALL without tokens, then takes bindings and tokens away',
    async (clean, text) => {
      const { app, portal, clientId, clientSecret, applicationToken, asAdmin, bindLifeEvents } = await openRegistered()
      await bindLifeEvents()
      await asAdmin('placement.bind', { PLACEMENT: 'LEFT_MENU', HANDLER: 'http://127.0.0.1:9/p' })
      const { access_token, refresh_token } = portal.applications.issueTokens(clientId)
      portal.applications.remove(clientId, clean)
      await portal.eventsSettled()
      expect(app.arrivals).toHaveLength(1)
      expect(app.arrivals[0]?.fields).toMatchObject({
        event: 'ONAPPUNINSTALL',
        data: { LANGUAGE_ID: 'ru', CLEAN: text },
        auth: { member_id: portal.memberId, application_token: applicationToken }
      })
      expect(app.arrivals[0]?.body).not.toContain('access_token')
      const profile = await get(`${portal.origin}/rest/profile?auth=${access_token}`)
      expect([profile.status, profile.body.error]).toEqual([401, 'APPLICATION_NOT_FOUND'])
      const query = { client_id: clientId, client_secret: clientSecret, grant_type: 'refresh_token', refresh_token }
      const again = await get(`${portal.authorization.origin}/oauth/token/?${new URLSearchParams(query)}`)
      expect(again.body.error).toBe('wrong_client')
      expect([portal.applications.placements(clientId), portal.applications.eventHandlers(clientId)]).toEqual([[], []])
      expect(() => portal.open({ clientId })).toThrow('knows no application')
    }
  )
})

describe('the form', () => {
  it('gives every application its own keys, and an application token per portal', async () => {
    const { portal, clientId, applicationToken } = await openRegistered()
    expect(clientId).toMatch(/^local\.[0-9a-f]+\.[0-9a-f]+$/)
    expect(applicationToken).toMatch(/^[0-9a-f]{32}$/)
    const form = { handlerUrl: 'http://127.0.0.1:9/', title: { ru: 'Б', en: 'B' }, scope: ['crm'] }
    const second = portal.registerApplication(form)
    expect(second.clientId).not.toBe(clientId)
    const elsewhere = await openPortal()
    const keys = { clientId: second.clientId, clientSecret: second.clientSecret }
    expect(elsewhere.registerApplication({ ...form, ...keys }).applicationToken).not.toBe(second.applicationToken)
    expect(() => portal.registerApplication({ ...form, ...keys })).toThrow('already')
    expect(() => portal.registerApplication({ ...form, scope: [] })).toThrow('at least one')
    expect(() => portal.registerApplication({ ...form, installUrl: 'http://localhost/' })).toThrow('Wrong handler URL')
  })
})
