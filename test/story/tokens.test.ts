// Tokens over the life of runs and processes: renewed once, saved before they are used, and replaced by opening the application again.
import { beforeAll, expect, it } from 'vitest'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import type { FaultRequest } from '../../emulator/faults.ts'
import { KEYS } from '../support/portal-app.ts'
import { openRealApp, type RealApp, type RealAppOptions } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const SLOW: RealAppOptions = { portal: { speed: { commandMs: 5, workers: 4 } } }

const openInstalled = async (options?: RealAppOptions) => {
  const app = await openRealApp(options)
  await app.start()
  await app.install()
  return { app, session: await app.session() }
}

const refreshes = ({ authorization }: RealApp): number => authorization.stats.refreshes

const tokensOf = (app: RealApp) => app.stored(store => store.tokens(app.portal.memberId, '1'))
const refreshTokenOf = async (app: RealApp): Promise<string | undefined> => (await tokensOf(app))?.refresh

const expectExactly = ({ state }: EmulatedPortal, count: number): void => {
  expect(state.counts()).toEqual({ companies: count, contacts: count })
  const origins = [...state.records('company'), ...state.records('contact')].map(({ values }) => values['ORIGIN_ID'])
  expect(new Set(origins).size).toBe(2 * count)
}

/** A run of 200 + 200 that has begun. */
const begun = async (app: RealApp, session: string): Promise<string> => {
  const { body } = await app.startRun(session, { kind: 'create', companies: 200 })
  await expect.poll(async () => (await app.api(session, `/api/runs/${body.id}`)).body.done).toBeGreaterThan(10)
  return body.id
}

const resumed = async (app: RealApp, session: string, id: string): Promise<void> => {
  const status = async (): Promise<string> => (await app.api(session, `/api/runs/${id}`)).body.status
  await expect.poll(status, { timeout: 15_000 }).not.toBe('running')
  expect((await app.api(session, `/api/runs/${id}/resume`, { method: 'POST' })).status).toBe(202)
  expect(await app.ended(session, id)).toMatchObject({ status: 'completed', failed: 0 })
  expectExactly(app.portal, 200)
}

it('expire under a run and under pages at the same moment: one refresh serves them all', async () => {
  // Nobody gives up an answer here, however slow the machine is.
  const { app, session } = await openInstalled({ ...SLOW, settings: { BITRIX_REQUEST_SECONDS: '20' } })
  const id = await begun(app, session)
  const before = refreshes(app)
  app.portal.applications.expireTokens(KEYS.clientId)
  const pages = await Promise.all(Array.from({ length: 12 }, () => app.api(session, '/api/contacts')))
  expect(pages.map(({ status }) => status)).toEqual(Array(12).fill(200))
  expect(await app.ended(session, id)).toMatchObject({ status: 'completed', failed: 0 })
  expect(refreshes(app)).toBe(before + 1)
  expectExactly(app.portal, 200)
})

it('that would not last for a run are renewed before it begins', async () => {
  const { app } = await openInstalled({ portal: { tokenSeconds: 300 } })
  const session = await app.session()
  const before = refreshes(app)
  app.portal.configure({ tokenSeconds: 3600 })
  for (let run = 0; run < 2; run += 1) {
    const { body } = await app.startRun(session, { kind: 'create', companies: 1 })
    expect((await app.ended(session, body.id)).status).toBe('completed')
  }
  expect(refreshes(app)).toBe(before + 1)
})

it('are on disk before they are used: a process that is killed in between leaves the new ones', async () => {
  const { app, session } = await openInstalled(SLOW)
  await app.stop()
  await app.startProcess()
  const id = await begun(app, session)
  const [before, old] = [refreshes(app), await tokensOf(app)]
  const when = ({ accessToken }: FaultRequest): boolean => {
    if (accessToken === undefined || accessToken === old?.access) return false
    app.kill()
    return true
  }
  app.portal.faults.next('reset-before', { when })
  app.portal.applications.expireTokens(KEYS.clientId)
  await app.died()
  expect(refreshes(app)).toBe(before + 1)
  expect(await refreshTokenOf(app)).not.toBe(old?.refresh)
  app.portal.faults.clear()

  await app.start()
  await resumed(app, session, id)
  expect(refreshes(app)).toBe(before + 1)
})

it('that got lost with a killed process are asked for in the page, and brought by opening it again', async () => {
  const { app, session } = await openInstalled(SLOW)
  const id = await begun(app, session)
  await app.stop()
  const old = await refreshTokenOf(app)
  await app.startProcess({ nth: 1, side: 'before' })
  app.portal.applications.expireTokens(KEYS.clientId)
  await expect(app.api(session, '/api/companies')).rejects.toThrow()
  await app.died()
  expect(await refreshTokenOf(app)).toBe(old)

  await app.start()
  const refused = {
    status: 401,
    body: {
      error: 'SESSION_INVALID',
      error_description: expect.stringContaining('Open the application in the portal again')
    }
  }
  expect(await app.api(session, '/api/companies')).toMatchObject(refused)
  expect(await app.api(session, `/api/runs/${id}/resume`, { method: 'POST' })).toMatchObject(refused)
  await resumed(app, await app.session(), id)
})

it('that are taken back during a run end it, to be resumed after the application was opened again', async () => {
  const { app, session } = await openInstalled(SLOW)
  const id = await begun(app, session)
  app.portal.applications.revokeTokens(KEYS.clientId)
  expect(await app.ended(session, id)).toMatchObject({
    status: 'failed',
    failure: { code: 'invalid_token', message: expect.stringContaining('open the application in the portal again') }
  })
  await resumed(app, await app.session(), id)
})
