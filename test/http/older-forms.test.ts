// The forms of portals that leave out fields, send them empty, or spell them as older ones do: all of the door goes on working.
// Must stay true: the emulated portal posts them by itself; what a field would have told is found out otherwise or not needed.
import { expect, test } from 'vitest'
import { openHostileAuthorization, say } from '../support/hostile-authorization.ts'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'
import { stateOf } from '../support/portal-pages.ts'
import { create, ended, start } from '../support/portal-runs.ts'

/** A slow machine. */
const WITHIN = { timeout: 10_000 }

type Forms = Readonly<Record<string, 'absent' | 'empty'>>

/** What an opening can be without; the others are what it claims. */
const OPTIONAL = [
  ...['AUTH_EXPIRES', 'SERVER_ENDPOINT', 'APPLICATION_TOKEN', 'APPLICATION_SCOPE', 'status', 'PLACEMENT'],
  ...['PLACEMENT_OPTIONS', 'PROTOCOL', 'LANG', 'APP_SID']
]
const OPTIONAL_IN_EVENTS = [
  ...['event_handler_id', 'data', 'auth[expires]', 'auth[expires_in]', 'auth[scope]', 'auth[domain]', 'auth[status]'],
  ...['auth[server_endpoint]', 'auth[client_endpoint]', 'auth[user_id]', 'auth[refresh_token]']
]
const PLACEMENTS = ['DEFAULT', 'CRM_COMPANY_LIST_MENU', 'CRM_CONTACT_LIST_TOOLBAR', 'CRM_ANALYTICS_MENU', 'LEFT_MENU']

const all = (names: readonly string[], form: 'absent' | 'empty'): Forms =>
  Object.fromEntries(names.map(name => [name, form]))

const forms: [string, Forms][] = (['absent', 'empty'] as const).flatMap(form => [
  ...[...OPTIONAL, ...OPTIONAL_IN_EVENTS].map((name): [string, Forms] => [`${name} ${form}`, { [name]: form }]),
  [`everything optional ${form}`, all([...OPTIONAL, ...OPTIONAL_IN_EVENTS], form)]
])

/** Installs, opens everywhere, fills, renews the session, removes: all with this portal's forms. */
const wholeDoor = async (app: PortalApp): Promise<void> => {
  const { portal } = app
  expect((await app.install()).status).toBe(200)
  await expect.poll(async () => (await app.installation())?.applicationToken, WITHIN).toMatch(/^[0-9a-f]{32}$/)
  for (const person of [1, 2]) {
    for (const placement of PLACEMENTS) {
      const { status, text } = await app.post('/placement', { placement, person })
      expect([status, stateOf({ text })?.user?.id], placement).toEqual([200, String(person)])
    }
  }
  const session = await app.session()
  const { body } = await start(app, session, create(3))
  expect(await ended(app, session, body.id)).toMatchObject({ status: 'completed', failed: 0 })
  expect((await app.api(session, '/api/session', { method: 'POST' })).body).toMatchObject({ admin: true })
  portal.applications.remove(KEYS.clientId)
  await portal.eventsSettled()
  await expect.poll(async () => (await app.installation())?.status, WITHIN).toBe('deleted')
  expect((await app.api(session, '/api/runs')).status).toBe(401)
}

test.each(forms)('a portal whose forms have %s', async (_, formFields) => {
  await wholeDoor(await openPortalApp({ portal: { formFields } }))
})

test.each([true, false])('an older portal, whose pages have parameters: %s', async pageParameters => {
  await wholeDoor(await openPortalApp({ portal: { newerFields: false, pageParameters } }))
})

test.each(['absent', 'empty'] as const)('an older portal whose forms have everything optional %s', async form => {
  const formFields = all([...OPTIONAL, ...OPTIONAL_IN_EVENTS], form)
  await wholeDoor(await openPortalApp({ portal: { newerFields: false, formFields } }))
})

/** Nothing that this portal sends holds the application token. */
const secretive = (form: 'absent' | 'empty'): Forms => all(['APPLICATION_TOKEN', 'auth[application_token]'], form)

test.each([
  ['absent', secretive('absent')],
  ['empty', secretive('empty')],
  ['never told, and the removal has no date', { ...secretive('absent'), ts: 'absent' }],
  ['told, but the removal has no date', { ts: 'absent' }]
] as [string, Forms][])('an application token that is %s: a removal is noticed all the same', async (_, formFields) => {
  const app = await openPortalApp({ portal: { formFields } })
  await app.install()
  const session = await app.session()
  expect((await app.installation())?.status).toBe('active')
  app.portal.applications.remove(KEYS.clientId)
  await app.portal.eventsSettled()
  await expect.poll(async () => (await app.installation())?.status, WITHIN).toBe('deleted')
  expect(await app.store().tokens(app.portal.memberId, '1')).toBeUndefined()
  expect((await app.api(session, '/api/runs')).status).toBe(401)
})

test('removals that anybody can send, of an application token that was never learned: the portal says that it is there', async () => {
  const app = await openPortalApp({ portal: { formFields: secretive('absent') } })
  await app.install()
  await app.session()
  const before = [await app.installation(), app.portal.stats.commands['profile']]
  for (const token of ['', 'f'.repeat(32)]) {
    for (let again = 0; again < 10; again += 1) {
      await app.event({
        ...{ event: 'ONAPPUNINSTALL', ts: String(Math.floor(Date.now() / 1000)), 'data[CLEAN]': '1' },
        ...{ 'auth[member_id]': app.portal.memberId, 'auth[application_token]': token }
      })
    }
  }
  await expect.poll(() => app.logged.filter(line => line.includes('REMOVAL_REFUSED')).length, WITHIN).toBe(1)
  expect([await app.installation(), Number(app.portal.stats.commands['profile']) - 1]).toEqual(before)
})

test.each(['absent', 'empty'] as const)('a life that nobody tells is an hour: %s', async form => {
  const hostile = await openHostileAuthorization()
  const app = await openPortalApp({ oauthUrls: [hostile.origin], portal: { formFields: { AUTH_EXPIRES: form } } })
  hostile.behind = app.authorization.origin
  hostile.info = (response, { result }) => say(200, { result: { ...result, expires: undefined } })(response, result)
  expect((await app.post('/install', {}, { fields: { SERVER_ENDPOINT: hostile.endpoint } })).status).toBe(200)
  const life = ((await app.store().tokens(app.portal.memberId, '1'))?.expiresAt ?? 0) - Date.now()
  expect(life).toBeGreaterThan(3_000_000)
})
