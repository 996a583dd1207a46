// event.* and the delivery of events, as an application sees them.
// Must stay true: deliveries are real requests to a real server; nothing is sent twice unless the switch says so (protocol.md, 5.4).
import { describe, expect, it, vi } from 'vitest'
import { createAuthorizationServer } from '../../emulator/authorization-server.ts'
import type { EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import { openAppServer } from './app-server.ts'
import { call, openPortal, post } from './portal-client.ts'

async function openBound(options: EmulatedPortalOptions = {}) {
  const app = await openAppServer()
  const portal = await openPortal(options)
  const handler = `${app.origin}/events`
  const keys = portal.registerApplication({
    handlerUrl: `${app.origin}/placement`,
    title: { ru: 'Приложение', en: 'Application' },
    scope: ['crm', 'placement']
  })
  const as =
    (person: number) =>
    async (method: string, params: object = {}) => {
      const auth = portal.applications.issueTokens(keys.clientId, person).access_token
      const { status, body } = await post(`${portal.origin}/rest/${method}`, JSON.stringify({ ...params, auth }))
      return body.error === undefined ? (body.result as unknown) : { status, ...body }
    }
  return { app, portal, handler, ...keys, admin: as(1), user: as(2) }
}

describe('event methods', () => {
  it('bind, list and unbind; binding again is an error (trap 23)', async () => {
    const { admin, handler } = await openBound()
    expect(await admin('event.bind', { event: 'onCrmContactAdd', handler })).toBe(true)
    expect(await admin('event.bind', { EVENT: 'ONAPPUNINSTALL', HANDLER: handler, auth_type: 2 })).toBe(true)
    expect(await admin('event.bind', { event: 'ONCRMCONTACTADD', handler })).toMatchObject({
      status: 400,
      error: 'ERROR_CORE',
      error_description: 'Unable to set event handler: Handler already binded'
    })
    expect(await admin('event.get')).toEqual([
      { event: 'ONCRMCONTACTADD', handler, auth_type: '0', offline: 0 },
      { event: 'ONAPPUNINSTALL', handler, auth_type: '2', offline: 0 }
    ])
    expect(await admin('event.unbind', { event: 'ONCRMCONTACTADD', handler })).toEqual({ count: 1 })
    expect(await admin('event.unbind', { event: 'ONCRMCONTACTADD', handler })).toEqual({ count: 0 })
    expect(await admin('events')).toEqual(expect.arrayContaining(['ONAPPINSTALL', 'ONCRMCOMPANYDELETE']))
    expect(await admin('events', { SCOPE: 'user' })).toEqual(['ONUSERADD'])
  })

  it('trap 22: refuse what they do not know, and handlers that no queue server could reach', async () => {
    const { admin, portal, handler } = await openBound()
    const bind = (more: object) => admin('event.bind', { event: 'ONAPPUNINSTALL', handler, ...more })
    expect(await bind({ event: 'ONNOTHING' })).toMatchObject({ status: 400, error: 'ERROR_EVENT_NOT_FOUND' })
    expect(await bind({ event: 'ONUSERADD' })).toMatchObject({ status: 400, error: 'ERROR_EVENT_NOT_FOUND' })
    expect(await bind({ handler: 'http://localhost/x' })).toMatchObject({
      status: 400,
      error: 'ERROR_WRONG_HANDLER_URL',
      error_description: 'Wrong handler URL'
    })
    expect(await bind({ handler: 'gopher://app.example/' })).toMatchObject({
      status: 400,
      error: 'ERROR_UNSUPPORTED_PROTOCOL'
    })
    expect(await bind({ handler: undefined })).toMatchObject({ status: 400, error: 'ERROR_ARGUMENT' })
    for (const method of ['event.bind', 'event.unbind', 'event.get', 'events']) {
      expect((await call(portal, method, { event: 'ONAPPUNINSTALL', handler })).body.error).toBe('WRONG_AUTH_TYPE')
    }
  })

  it('tie the handler of an ordinary user to that user', async () => {
    const { user, admin, handler } = await openBound()
    expect(await user('event.bind', { event: 'ONAPPUNINSTALL', handler, auth_type: 1 })).toMatchObject({
      status: 403,
      error: 'ACCESS_DENIED',
      error_description: 'Access denied! Event binding with AUTH_TYPE requires administrator access rights'
    })
    expect(await user('event.bind', { event: 'ONAPPUNINSTALL', event_type: 'offline' })).toMatchObject({
      status: 403,
      error: 'ACCESS_DENIED',
      error_description: 'Access denied! Offline events binding requires administrator access rights'
    })
    await admin('event.bind', { event: 'ONCRMCOMPANYADD', handler })
    expect(await user('event.bind', { event: 'ONAPPUNINSTALL', handler })).toBe(true)
    expect(await user('event.get')).toEqual([{ event: 'ONAPPUNINSTALL', handler, auth_type: '2', offline: 0 }])
    expect(await user('event.unbind', { event: 'ONAPPUNINSTALL', event_type: 'offline' })).toMatchObject({
      status: 403,
      error: 'ACCESS_DENIED'
    })
  })
})

describe('delivery', () => {
  it('traps 20 and 21: form-encoded, everything text, with application_token, and without tokens when nobody acted', async () => {
    const { app, portal, admin, handler, clientId, applicationToken } = await openBound()
    await admin('event.bind', { event: 'ONCRMCONTACTADD', handler })
    const data = { FIELDS: { ID: 134806 } }
    const [delivery] = await portal.deliverEvent({ clientId, event: 'ONCRMCONTACTADD', data, person: 2 })
    expect(delivery).toMatchObject({ status: 200, handler })
    expect(app.arrivals).toHaveLength(1)
    const { type, body, fields } = app.arrivals[0] ?? expect.fail('nothing arrived')
    expect(type).toBe('application/x-www-form-urlencoded')
    expect(body).toMatch(/^event=ONCRMCONTACTADD&event_handler_id=\d+&data%5BFIELDS%5D%5BID%5D=134806&ts=\d+&auth%5B/)
    expect(fields).toMatchObject({
      event: 'ONCRMCONTACTADD',
      data: { FIELDS: { ID: '134806' } },
      auth: {
        expires: expect.stringMatching(/^\d+$/),
        expires_in: '3600',
        scope: 'crm,placement',
        domain: portal.host,
        server_endpoint: `${portal.authorization.origin}/rest/`,
        client_endpoint: `${portal.origin}/rest/`,
        status: 'L',
        member_id: portal.memberId,
        user_id: '2',
        application_token: applicationToken
      }
    })
    expect(fields['auth']).not.toHaveProperty('refresh_token')
    await portal.deliverEvent({ clientId, event: 'ONCRMCONTACTADD' })
    expect(Object.keys(app.arrivals[1]?.fields['auth'] ?? {})).toEqual([
      'domain',
      'server_endpoint',
      'client_endpoint',
      'member_id',
      'application_token'
    ])
  })

  it('trap 21: comes once, even when the handler fails, unless it is set to come twice or never', async () => {
    const { app, portal, admin, handler, clientId } = await openBound()
    await admin('event.bind', { event: 'ONCRMCOMPANYADD', handler })
    const news = { clientId, event: 'ONCRMCOMPANYADD', person: 1 }
    app.status = 500
    expect(await portal.deliverEvent(news)).toMatchObject([{ status: 500 }])
    portal.configure({ events: { copies: 2 } })
    expect(await portal.deliverEvent(news)).toHaveLength(2)
    expect(app.arrivals[1]?.body).toBe(app.arrivals[2]?.body)
    portal.configure({ events: { copies: 0 } })
    expect(await portal.deliverEvent(news)).toEqual([])
    await portal.eventsSettled()
    expect([app.arrivals.length, portal.deliveries.length]).toEqual([3, 3])
    portal.configure({ events: { copies: 1 } })
    const closed = await createAuthorizationServer() // any address where nobody answers any more
    await closed.close()
    const gone = await portal.deliverEvent({ ...news, handler: closed.origin })
    expect(gone).toMatchObject([{ status: undefined, failure: expect.stringContaining('ECONNREFUSED') }])
  })

  it('can be late, and does not keep a portal from closing', async () => {
    const { app, portal, admin, handler, clientId } = await openBound({ events: { delayMs: 50 } })
    await admin('event.bind', { event: 'ONCRMCOMPANYADD', handler })
    const news = { clientId, event: 'ONCRMCOMPANYADD' }
    const late = portal.deliverEvent(news)
    expect(app.arrivals).toEqual([])
    expect(await late).toMatchObject([{ status: 200 }])
    portal.configure({ events: { delayMs: 1e6 } })
    const never = portal.deliverEvent(news)
    await portal.close()
    expect(await never).toEqual([])
    await vi.waitFor(() => expect(app.arrivals).toHaveLength(1))
  })
})
