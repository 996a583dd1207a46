// Rights that a portal has taken away: they end where it matters, at once, and not because a portal is merely silent.
// Must stay true: the page that was open before stays open all the while, with its old session.
import { describe, expect, test } from 'vitest'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'
import { act, create, ended, start } from '../support/portal-runs.ts'

const renew = (app: PortalApp, session: string) => app.api(session, '/api/session', { method: 'POST' })
const clearAll = (app: PortalApp, session: string) =>
  start(app, session, { kind: 'clear', scope: 'all', confirm: app.portal.host })
const runsOf = async (app: PortalApp) =>
  (await app.runs().list(app.portal.memberId, { limit: 50 })).runs.map(({ kind }) => kind)

/** A portal whose administrator can be made an ordinary user, with that person's page open. */
const openWithPage = async () => {
  const person = { id: 1, name: 'Иван', lastName: 'Петров', admin: true, crm: 'full' as const }
  const app = await openPortalApp({ portal: { people: [person] } })
  await app.install()
  const session = await app.session()
  app.portal.state.seed({ companies: 3 })
  return { app, session, person }
}

describe('an administrator who is none any more', () => {
  test('clears nothing with the page that is still open', async () => {
    const { app, session, person } = await openWithPage()
    person.admin = false
    const { status, body } = await clearAll(app, session)
    expect([status, body.error]).toEqual([403, 'ADMIN_REQUIRED'])
    expect([await runsOf(app), app.portal.state.counts().companies]).toEqual([[], 3])
  })

  test('does not go on with a clear that was stopped, nor tries its rejected rows again', async () => {
    const { app, session, person } = await openWithPage()
    app.portal.configure({ speed: { commandMs: 50 } })
    app.portal.state.seed({ companies: 500 })
    const { body } = await clearAll(app, session)
    await act(app, session, body.id, 'cancel')
    expect(await ended(app, session, body.id)).toMatchObject({ status: 'cancelled' })
    person.admin = false
    for (const action of ['resume', 'retry']) {
      expect(await act(app, session, body.id, action), action).toMatchObject({
        ...{ status: 403, body: { error: 'ADMIN_REQUIRED' } }
      })
    }
  })

  test('is told so when the session is renewed, and an ordinary page when it is opened anew', async () => {
    const { app, session, person } = await openWithPage()
    person.admin = false
    const renewed = await renew(app, session)
    expect([renewed.status, renewed.body.admin]).toEqual([200, false])
    expect((await clearAll(app, renewed.body.session)).status).toBe(403)
    expect((await app.sessions().read(await app.session())).admin).toBe(false)
  })
})

describe('access that the portal has taken back', () => {
  test.each([
    ['a renewal of the session', (app: PortalApp, session: string) => renew(app, session)],
    ['a read', (app: PortalApp, session: string) => app.api(session, '/api/companies')],
    ['a clear of everything', clearAll],
    [
      'an estimate',
      (app: PortalApp, session: string) =>
        app.api(session, '/api/runs/estimate', {
          ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
          body: JSON.stringify({ kind: 'clear', scope: 'all' })
        })
    ]
  ] as const)('ends the sessions of the person at %s', async (_, ask) => {
    const { app, session } = await openWithPage()
    app.portal.applications.revokeTokens(KEYS.clientId)
    expect(await ask(app, session)).toMatchObject({ status: 401, body: { error: 'SESSION_INVALID' } })
    for (const path of ['/api/runs', '/api/companies']) expect((await app.api(session, path)).status, path).toBe(401)
    expect(await app.store().tokens(app.portal.memberId, '1')).toBeUndefined()
    // Whoever may open the application is let in again.
    expect((await app.api(await app.session(), '/api/companies')).body.total).toBe(3)
  })

  test('of one person leaves the sessions of others alone', async () => {
    const app = await openPortalApp()
    await app.install()
    const [first, second] = [await app.session({ person: 1 }), await app.session({ person: 2 })]
    const tokens = await app.store().tokens(app.portal.memberId, '2')
    await app.portal.credentials.expireToken(tokens?.access ?? '')
    app.authorization.failNext('reset-before', 100)
    expect((await renew(app, second)).status).toBe(502)
    expect((await app.api(first, '/api/runs')).status).toBe(200)
    expect((await app.api(second, '/api/runs')).status).toBe(200)
  })
})

describe('a portal that merely does not answer', () => {
  test('lets nobody clear everything on what was believed before, and ends no session', async () => {
    const { app, session } = await openWithPage()
    app.portal.faults.next('html-502', { times: 1000 })
    for (const reply of [await clearAll(app, session), await renew(app, session)]) {
      expect([reply.status, reply.body.session]).toEqual([502, undefined])
    }
    expect(await runsOf(app)).toEqual([])
    expect((await app.api(session, '/api/runs')).status).toBe(200)
    app.portal.faults.clear()
    expect((await renew(app, session)).body.admin).toBe(true)
    const { status, body } = await clearAll(app, session)
    expect(status).toBe(202)
    expect(await ended(app, session, body.id)).toMatchObject({ status: 'completed' })
  })
})

test('creating asks nothing more than before', async () => {
  const { app, session } = await openWithPage()
  const { profile } = app.portal.stats.commands
  const { body } = await start(app, session, create(1))
  await ended(app, session, body.id)
  expect(app.portal.stats.commands['profile']).toBe(profile)
})
