// The page in a portal's frame: who gets it, and what it knows.
// Must stay true: everything goes through the POST of the portal's frame.
import { describe, expect, test } from 'vitest'
import { KEYS, openPortalApp } from '../support/portal-app.ts'
import { stateOf } from '../support/portal-pages.ts'
import { openInstalled } from '../support/portal-runs.ts'

describe('the page', () => {
  test('opens in exactly its portal, without cookies, in the language of the portal, with a session', async () => {
    const app = await openInstalled()
    const reply = await app.post('/placement', { lang: 'en' }, { headers: { 'accept-language': 'ru' } })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-security-policy')).toMatch(new RegExp(`frame-ancestors ${app.portal.origin}$`))
    expect([reply.headers.get('x-frame-options'), reply.headers.get('set-cookie')]).toEqual([null, null])
    expect(reply.headers.get('cache-control')).toBe('no-store')
    const state = stateOf(reply)
    expect(state).toMatchObject({
      ...{ lang: 'en', portal: { host: app.portal.host, mode: 'portal' }, admin: true, problem: null },
      user: { id: '1', name: 'Иван Петров' },
      placement: { code: 'DEFAULT', recordId: null }
    })
    expect((await app.api(state.session, '/api/runs')).body).toEqual({ runs: [] })
    expect(await app.installation()).toMatchObject({ status: 'active' })
  })

  test('opened on a row of a list, knows the record; other options count for nothing', async () => {
    const app = await openInstalled()
    for (const [placement, ID, recordId] of [
      ['CRM_COMPANY_LIST_MENU', '12', 12],
      ['CRM_CONTACT_LIST_MENU', '7', 7],
      ['CRM_COMPANY_LIST_MENU', '<script>', null],
      ['CRM_COMPANY_LIST_MENU', '-1', null],
      ['CRM_COMPANY_LIST_TOOLBAR', '12', null]
    ] as const) {
      const state = stateOf(await app.post('/placement', { placement, options: { ID } }))
      expect(state.placement).toEqual({ code: placement, recordId })
    }
    for (const PLACEMENT_OPTIONS of ['[]', '', '{', 'null', '"x"', '{"ID":{"a":1}}', '{"__proto__":{"ID":"1"}}']) {
      const reply = await app.post('/placement', {}, { fields: { PLACEMENT_OPTIONS } })
      expect([reply.status, stateOf(reply).placement.recordId], PLACEMENT_OPTIONS).toEqual([200, null])
    }
  })

  test('shows foreign texts as text', async () => {
    const evil = '</script><img src=x onerror=alert(1)>'
    const app = await openInstalled({
      portal: { people: [{ id: 1, name: evil, lastName: '{{7*7}}', admin: true, crm: 'full' }] }
    })
    const fields = { PLACEMENT: evil, PLACEMENT_OPTIONS: JSON.stringify({ ID: evil, URI: evil }) }
    const reply = await app.post('/placement', {}, { fields })
    expect(reply.text).not.toContain('<img')
    expect(stateOf(reply)).toMatchObject({ user: { name: `${evil} {{7*7}}` }, placement: { code: 'DEFAULT' } })
  })

  test('costs one question to the authorization server and none to the portal about the person, once they are known', async () => {
    const app = await openInstalled()
    await app.post('/placement')
    const { appInfos } = app.authorization.stats
    const profiles = app.portal.stats.commands['profile']
    const opening = app.portal.open({ clientId: KEYS.clientId })
    const again = () =>
      app.send(new URL(opening.url).pathname + new URL(opening.url).search, {
        method: 'POST',
        body: new URLSearchParams(opening.body)
      })
    expect([(await again()).status, (await again()).status]).toEqual([200, 200])
    expect(app.authorization.stats.appInfos).toBe(appInfos + 1)
    expect(app.portal.stats.commands['profile']).toBe(profiles)
  })

  test('may say to an allowed portal why it does not open', async () => {
    const app = await openInstalled()
    const reply = await app.post('/placement', {}, { fields: { AUTH_ID: 'f'.repeat(70) } })
    expect([reply.status, reply.headers.get('content-security-policy')]).toEqual([
      403,
      expect.stringContaining(`frame-ancestors ${app.portal.origin}`)
    ])
    expect(reply.headers.get('content-type')).toContain('text/html')
  })

  test('of an application without an installation path binds everything when an administrator opens it first', async () => {
    const app = await openPortalApp({ installPath: false })
    const early = await app.post('/placement', { person: 2 })
    expect([early.status, await app.installation()]).toEqual([403, undefined])
    expect((await app.post('/placement', { person: 1 })).status).toBe(200)
    expect(app.portal.applications.placements(KEYS.clientId)).toHaveLength(6)
    expect(await app.installation()).toMatchObject({ status: 'active', boundTo: app.origin })
    expect((await app.post('/placement', { person: 2 })).status).toBe(200)
  })
})
