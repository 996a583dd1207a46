// Lifecycle events, as Bitrix24's servers post them.
// Must stay true: every event is answered 200; only one that proves itself changes anything.
import { describe, expect, test } from 'vitest'
import { openCanary } from '../support/canary.ts'
import { KEYS, openPortalApp, type PortalApp, type PortalAppOptions } from '../support/portal-app.ts'

const seconds = (): string => String(Math.floor(Date.now() / 1000))

const openInstalled = async (options?: PortalAppOptions): Promise<PortalApp> => {
  const app = await openPortalApp(options)
  for (const portal of app.portals) await app.install(portal)
  await app.session()
  return app
}

const uninstallOf = async (app: PortalApp): Promise<Record<string, string>> => ({
  event: 'ONAPPUNINSTALL',
  ts: seconds(),
  'data[CLEAN]': '0',
  'auth[member_id]': app.portal.memberId,
  'auth[domain]': app.portal.host,
  'auth[application_token]': (await app.installation())?.applicationToken ?? 'none'
})

const accessOf = async (app: PortalApp): Promise<string | undefined> =>
  (await app.store().tokens(app.portal.memberId, '1'))?.access

/** A genuine event with tokens that live longer than all before it; resolves when it was obeyed. */
const genuineInstall = async (app: PortalApp, tokenSeconds = 7200): Promise<void> => {
  const life = async (): Promise<number> =>
    ((await app.store().tokens(app.portal.memberId, '1'))?.expiresAt ?? 0) - Date.now()
  app.portal.configure({ tokenSeconds })
  app.portal.applications.reinstall(KEYS.clientId)
  app.portal.applications.finishInstall(KEYS.clientId)
  await app.portal.eventsSettled()
  await expect.poll(life).toBeGreaterThan((tokenSeconds - 60) * 1000)
}

/** Nothing tells when an event was refused, so a genuine one is sent behind it, which takes longer, and waited for. */
const untouched = async (app: PortalApp, work: () => Promise<void>): Promise<void> => {
  const before = await app.installation()
  await work()
  await genuineInstall(app)
  expect(await app.installation()).toEqual(before)
}

describe('removing the application', () => {
  test('erases tokens, ends sessions, and keeps the history', async () => {
    const app = await openInstalled()
    const session = await app.session()
    const { body } = await app.api(session, '/api/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"kind":"create","companies":1}'
    })
    await app.api(session, `/api/runs/${body.id}/progress`)
    await app.event(await uninstallOf(app))
    await expect.poll(async () => (await app.installation())?.status).toBe('deleted')
    expect(await app.installation()).toMatchObject({ applicationToken: null, boundTo: null })
    expect(await app.store().tokens(app.portal.memberId, '1')).toBeUndefined()
    expect((await app.api(session, '/api/runs')).status).toBe(401)
    expect((await app.runs().find(body.id))?.snapshot.status).toBe('completed')
  })

  test('with CLEAN=1 stops the run and erases the history too', async () => {
    const app = await openInstalled({ portal: { speed: { commandMs: 20, workers: 1 } } })
    const session = await app.session()
    const { body } = await app.api(session, '/api/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"kind":"create","companies":5000}'
    })
    await app.event({ ...(await uninstallOf(app)), 'data[CLEAN]': '1' })
    await expect.poll(() => app.runs().find(body.id), { timeout: 20_000 }).toBeUndefined()
    expect(await app.runs().active(app.portal.memberId)).toBeUndefined()
  }, 30_000)

  test('as the portal does it, and installing anew afterwards', async () => {
    const app = await openInstalled()
    const first = await uninstallOf(app)
    await app.event(first)
    await expect.poll(async () => (await app.installation())?.status).toBe('deleted')
    app.portal.applications.reinstall(KEYS.clientId)
    await app.install()
    expect(await app.installation()).toMatchObject({ status: 'new' })
    // The recorded event, sent again: its token is still the right one.
    expect((await app.installation())?.applicationToken).toBe(first['auth[application_token]'])
    await untouched(app, async () => {
      await app.event(first)
    })
  })
})

describe('change nothing', () => {
  test('removals dated far ahead, which would make every later one look like a replay', async () => {
    const app = await openInstalled()
    const removal = await uninstallOf(app)
    await untouched(app, async () => {
      await app.event({ ...removal, ts: String(Number(seconds()) + 2 * 86_400) })
    })
    await app.event({ ...removal, ts: seconds() })
    await expect.poll(async () => (await app.installation())?.status).toBe('deleted')
  })

  test('forged ones, with a wrong, missing or empty application token', async () => {
    const app = await openInstalled()
    const right = await uninstallOf(app)
    const token = right['auth[application_token]'] ?? ''
    await untouched(app, async () => {
      for (const forged of [
        '',
        'f'.repeat(32),
        token.slice(1),
        `${token}0`,
        token.toUpperCase() === token ? 'x' : token.toUpperCase()
      ]) {
        expect((await app.event({ ...right, 'auth[application_token]': forged })).status).toBe(200)
      }
      const { 'auth[application_token]': _, ...without } = right
      expect((await app.event(without)).status).toBe(200)
    })
  })

  test('foreign ones: the token of portal A for portal B, and portals that nobody knows', async () => {
    const app = await openInstalled({ portals: 2 })
    const [, b] = app.portals
    const right = await uninstallOf(app)
    const other = (await app.installation(b))?.applicationToken ?? ''
    expect(other).not.toBe('')
    await untouched(app, async () => {
      await app.event({ ...right, 'auth[application_token]': other })
      await app.event({ ...right, 'auth[member_id]': 'f'.repeat(32) })
    })
    expect(await app.installation(b)).toMatchObject({ status: 'new' })
    expect(await app.store().find('f'.repeat(32))).toBeUndefined()
  })

  test('malformed ones, and events that we did not ask for', async () => {
    const app = await openInstalled()
    const right = await uninstallOf(app)
    await untouched(app, async () => {
      for (const fields of [
        {},
        { event: 'ONAPPUNINSTALL' },
        { ...right, ts: '0' },
        { ...right, ts: 'yesterday' },
        { ...right, event: 'ONCRMCONTACTADD' },
        { ...right, 'auth[member_id]': "' or 1=1 --" },
        { ...right, 'auth[member_id][x]': '1' }
      ]) {
        expect((await app.event(fields as Record<string, string>)).status).toBe(200)
      }
      const headers = { 'content-type': 'application/json' }
      expect((await app.send('/events', { method: 'POST', headers, body: '{"event":"ONAPPUNINSTALL"}' })).status).toBe(
        200
      )
    })
  })

  test('forged installations, whose tokens, servers or portals are not ours', async () => {
    const canary = await openCanary()
    const app = await openInstalled()
    const right = { ...(await uninstallOf(app)), event: 'ONAPPINSTALL' }
    const foreign = app.portal.credentials.issueTokens()
    const grant = {
      'auth[access_token]': 'f'.repeat(70),
      'auth[refresh_token]': 'e'.repeat(70),
      'auth[expires_in]': '86400'
    }
    const evil = `http://127.0.0.1:${canary.port}/rest/`
    await untouched(app, async () => {
      for (const fields of [
        grant,
        { ...grant, 'auth[access_token]': foreign.access_token },
        { ...grant, 'auth[server_endpoint]': evil, 'auth[client_endpoint]': evil },
        { ...grant, 'auth[domain]': `127.0.0.1:${canary.port}` },
        { ...grant, 'auth[application_token]': 'f'.repeat(32) }
      ]) {
        expect((await app.event({ ...right, ...fields })).status).toBe(200)
      }
    })
    expect(canary.contacts()).toBe(0)
    expect((await app.store().tokens(app.portal.memberId, '1'))?.refresh).not.toBe('e'.repeat(70))
  })
})

test('a genuine ONAPPINSTALL brings newer tokens, and older ones never come back', async () => {
  const app = await openInstalled()
  await genuineInstall(app)
  const newest = await accessOf(app)
  app.portal.configure({ tokenSeconds: 1800 })
  const { appInfos } = app.authorization.stats
  app.portal.applications.reinstall(KEYS.clientId)
  app.portal.applications.finishInstall(KEYS.clientId)
  await expect.poll(() => app.authorization.stats.appInfos).toBe(appInfos + 1)
  await app.portal.eventsSettled()
  expect(await accessOf(app)).toBe(newest)
})

test('an event is answered before anything is done about it', async () => {
  const app = await openInstalled()
  app.authorization.failNext('hold')
  app.portal.applications.reinstall(KEYS.clientId)
  app.portal.applications.finishInstall(KEYS.clientId)
  await app.portal.eventsSettled()
  expect(app.portal.deliveries.at(-1)?.status).toBe(200)
})
