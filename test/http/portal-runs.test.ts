// What the API does for the session of a page in a portal's frame: rights, portals apart, tokens.
// Must stay true: everything goes through the API with the page's own session.
import { describe, expect, test } from 'vitest'
import { KEYS, openPortalApp } from '../support/portal-app.ts'
import { act, create, ended, openInstalled, start } from '../support/portal-runs.ts'

describe('a person', () => {
  test('creates, watches and clears what the application created', async () => {
    const app = await openInstalled()
    const session = await app.session({ person: 2 })
    const { status, body } = await start(app, session, create(7))
    expect([status, body.startedBy]).toEqual([202, 'Мария Соколова'])
    expect(await ended(app, session, body.id)).toMatchObject({
      status: 'completed',
      created: { companies: 7, contacts: 7 }
    })
    const clear = await start(app, session, { kind: 'clear', scope: 'created' })
    expect(await ended(app, session, clear.body.id)).toMatchObject({ deleted: { companies: 7, contacts: 7 } })
    expect((await app.api(session, '/bitrix/status')).body).toEqual({ busy: false })
  })

  test('creates contacts for one company, which must be there', async () => {
    const app = await openInstalled()
    app.portal.state.seed({ companies: 2 })
    const session = await app.session({ placement: 'CRM_COMPANY_LIST_MENU', options: { ID: '2' } })
    const [, company] = (await app.api(session, '/api/companies')).body.items
    const run = (body: object) => start(app, session, { kind: 'create', ...body })
    const { status, body } = await run({ companyId: company.id, contacts: 60 })
    expect(status).toBe(202)
    expect(await ended(app, session, body.id)).toMatchObject({
      status: 'completed',
      created: { companies: 0, contacts: 60 }
    })
    const { items } = (await app.api(session, '/api/contacts')).body
    expect(items).toHaveLength(50)
    for (const item of items) expect(item.company.id).toBe(company.id)

    const missing = await run({ companyId: 999_999, contacts: 1 })
    expect((await ended(app, session, missing.body.id)).failure).toMatchObject({ code: 'COMPANY_NOT_FOUND' })
    for (const wrong of [
      { companyId: 0 },
      { companyId: 1.5 },
      { companyId: '2' },
      { companyId: 2, companies: 1 },
      { companyId: 2, contacts: 0 }
    ]) {
      expect((await run(wrong)).body.error, JSON.stringify(wrong)).toBe('INVALID_INPUT')
    }
    expect((await app.api(session, '/api/contacts')).body.total).toBe(60)
  })

  test('needs to be an administrator to clear everything, and to stop or resume what others started', async () => {
    const app = await openInstalled({ portal: { speed: { commandMs: 20, workers: 1 } } })
    const [admin, ordinary] = [await app.session(), await app.session({ person: 2 })]
    const all = { kind: 'clear', scope: 'all', confirm: app.portal.host }
    const refused = { status: 403, body: { error: 'ADMIN_REQUIRED' } }
    expect(await start(app, ordinary, all)).toMatchObject(refused)

    const { body } = await start(app, admin, create(500))
    expect(await act(app, ordinary, body.id, 'cancel')).toMatchObject(refused)
    expect((await start(app, ordinary, create(1))).body).toMatchObject({ error: 'BUSY', run: { id: body.id } })
    expect((await act(app, admin, body.id, 'cancel')).status).toBe(202)
    expect((await ended(app, admin, body.id)).status).toBe('cancelled')
    expect(await act(app, ordinary, body.id, 'resume')).toMatchObject(refused)
    expect(await act(app, ordinary, body.id, 'retry')).toMatchObject(refused)

    const own = await start(app, ordinary, create(500))
    expect((await act(app, ordinary, own.body.id, 'cancel')).status).toBe(202)
    await ended(app, ordinary, own.body.id)
    expect((await start(app, admin, all)).status).toBe(202)
  })

  test('acts with the own rights, also when an administrator lets the run go on', async () => {
    const app = await openInstalled()
    const [admin, without] = [await app.session(), await app.session({ person: 3 })]
    const { body } = await start(app, without, create(2))
    const final = await ended(app, admin, body.id)
    expect(final).toMatchObject({ created: { companies: 0, contacts: 0 }, startedBy: 'Олег Лебедев' })
  })
})

describe('portals', () => {
  test('never see each other, and work at the same time, each exactly', async () => {
    const app = await openInstalled({ portals: 2 })
    const [a, b] = app.portals
    if (a === undefined || b === undefined) throw new Error('two portals')
    const [inA, inB] = [await app.session({}, a), await app.session({}, b)]
    const [runA, runB] = await Promise.all([start(app, inA, create(30)), start(app, inB, create(20))])
    expect([runA.status, runB.status]).toEqual([202, 202])
    for (const path of ['', '/progress', '/rejections.csv']) {
      expect((await app.api(inB, `/api/runs/${runA.body.id}${path}`)).body).toMatchObject({ error: 'NOT_FOUND' })
    }
    for (const action of ['cancel', 'resume', 'retry']) {
      expect((await act(app, inB, runA.body.id, action)).body).toMatchObject({ error: 'NOT_FOUND' })
    }
    expect((await ended(app, inA, runA.body.id)).created).toEqual({ companies: 30, contacts: 30 })
    expect((await ended(app, inB, runB.body.id)).created).toEqual({ companies: 20, contacts: 20 })
    for (const [session, total] of [
      [inA, 30],
      [inB, 20]
    ] as const) {
      expect((await app.api(session, '/api/companies')).body.total).toBe(total)
      expect((await app.api(session, '/api/runs')).body.runs).toHaveLength(1)
    }
    expect((await start(app, inA, { kind: 'clear', scope: 'all', confirm: b.host })).body.error).toBe(
      'CONFIRM_REQUIRED'
    )
  })

  test('that were renamed are found again, once', async () => {
    const app = await openInstalled()
    const session = await app.session()
    const before = app.portal.origin
    await app.portal.rename()
    expect(app.portal.origin).not.toBe(before)
    // The new address is not on the list: it is not followed.
    expect((await start(app, session, create(1))).status).toBe(202)
    await expect.poll(async () => (await app.api(session, '/api/runs')).body.runs[0].failure?.code).toBe('PORTAL_MOVED')
    expect(await app.installation()).toMatchObject({ origin: before })
  })
})

describe('tokens', () => {
  test('that expire while the page is open and while a run is on are refreshed exactly once', async () => {
    const app = await openInstalled({ portal: { speed: { commandMs: 10, workers: 2 } } })
    const session = await app.session()
    app.portal.applications.expireTokens(KEYS.clientId)
    const { refreshes } = app.authorization.stats
    const pages = await Promise.all(Array.from({ length: 8 }, () => app.api(session, '/api/contacts')))
    expect(pages.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(app.authorization.stats.refreshes).toBe(refreshes + 1)

    const { body } = await start(app, session, create(300))
    await expect.poll(async () => (await app.api(session, `/api/runs/${body.id}`)).body.done).toBeGreaterThan(20)
    app.portal.applications.expireTokens(KEYS.clientId)
    expect(await ended(app, session, body.id)).toMatchObject({ status: 'completed', failed: 0 })
    expect(app.authorization.stats.refreshes).toBe(refreshes + 2)
    expect((await app.api(session, '/api/companies')).body.total).toBe(300)
  })

  test('that are taken back end the run resumable; a new opening brings fresh ones', async () => {
    const app = await openInstalled({ portal: { speed: { commandMs: 10, workers: 2 } } })
    const session = await app.session()
    const { body } = await start(app, session, create(200))
    await expect.poll(async () => (await app.api(session, `/api/runs/${body.id}`)).body.done).toBeGreaterThan(20)
    // Somebody else has used the refresh token up.
    const stored = await app.store().tokens(app.portal.memberId, '1')
    const form = { grant_type: 'refresh_token', refresh_token: stored?.refresh ?? '' }
    const keys = { client_id: KEYS.clientId, client_secret: KEYS.clientSecret }
    const stolen = await fetch(`${app.authorization.origin}/oauth/token/`, {
      method: 'POST',
      body: new URLSearchParams({ ...form, ...keys })
    })
    expect(stolen.status).toBe(200)
    app.portal.applications.expireTokens(KEYS.clientId)
    await expect
      .poll(async () => (await app.runs().find(body.id))?.snapshot)
      .toMatchObject({
        status: 'failed',
        failure: { code: 'INVALID_GRANT', message: expect.stringContaining('Open the application in the portal again') }
      })
    // With the access the session has ended.
    expect(await act(app, session, body.id, 'resume')).toMatchObject({
      status: 401,
      body: { error: 'SESSION_INVALID' }
    })
    const fresh = await app.session()
    expect((await act(app, fresh, body.id, 'resume')).status).toBe(202)
    expect(await ended(app, fresh, body.id)).toMatchObject({ status: 'completed', created: { companies: 200 } })
    expect((await app.api(fresh, '/api/companies')).body.total).toBe(200)
  })

  test('an older opening that is sent again does not take the place of newer tokens', async () => {
    const app = await openInstalled()
    const old = app.portal.open({ clientId: KEYS.clientId })
    const replay = () =>
      app.send(new URL(old.url).pathname + new URL(old.url).search, {
        method: 'POST',
        body: new URLSearchParams(old.body)
      })
    await replay()
    app.portal.configure({ tokenSeconds: 7200 })
    await app.session()
    const newer = (await app.store().tokens(app.portal.memberId, '1'))?.access
    expect((await replay()).status).toBe(200)
    expect((await app.store().tokens(app.portal.memberId, '1'))?.access === newer).toBe(true)
  })
})

test('without a webhook the standalone page explains, and its routes are off', async () => {
  const app = await openPortalApp()
  expect((await app.send('/')).status).toBe(200)
  for (const path of [
    '/bitrix/status',
    '/bitrix/clear-stream',
    '/bitrix/webhook/push-stream',
    '/api/runs',
    '/api/companies'
  ]) {
    expect((await app.send(path)).body, path).toMatchObject({ error: 'STANDALONE_OFF' })
  }
  const session = await app.install().then(() => app.session())
  for (const path of ['/bitrix/clear-bitrix', '/bitrix/webhook/push-to-bitrix']) {
    expect((await app.api(session, path, { method: 'POST' })).body, path).toMatchObject({ error: 'STANDALONE_OFF' })
  }
})

test('without a webhook a bearer that is no valid session is told so by the API, whatever it is', async () => {
  const app = await openPortalApp()
  await app.install()
  const session = await app.session()
  for (const bearer of ['x', 'open-sesame-0123456789', `${session.slice(0, -3)}xyz`, 'eyJ.eyJ.x', 'page.zzz.x']) {
    for (const path of ['/api/runs', '/api/runs/latest', '/api/companies', '/api/runs/run1']) {
      const { status, body } = await app.api(bearer, path)
      expect([status, body.error], `${bearer.slice(0, 8)} ${path}`).toEqual([401, 'SESSION_INVALID'])
    }
    expect((await app.api(bearer, '/api/runs', { method: 'POST' })).body.error).toBe('SESSION_INVALID')
  }
  for (const authorization of ['', 'Bearer', 'Basic eDp5']) {
    const { status, body } = await app.send('/api/runs', { headers: { authorization } })
    expect([status, body.error], authorization).toEqual([404, 'STANDALONE_OFF'])
  }
})
