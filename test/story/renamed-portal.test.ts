// A portal that gets another address: found again by itself, and for good.
import { beforeAll, expect, it } from 'vitest'
import { openFront } from '../support/front.ts'
import { openRealApp, type RealApp } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const redirects = ({ portal }: RealApp): number => portal.stats.answers[302] ?? 0

const runIds = async (app: RealApp, session: string): Promise<string[]> =>
  (await app.api(session, '/api/runs')).body.runs.map(({ id }: { id: string }) => id)

it('follows a renamed portal once, remembers it over a restart, and keeps its history', async () => {
  const app = await openRealApp()
  await app.start()
  await app.install()
  const session = await app.session()
  const before = await app.startRun(session, { kind: 'create', companies: 3 })
  await app.ended(session, before.body.id)

  const oldHost = app.portal.host
  await app.stop()
  await app.portal.rename()
  await app.start({ BITRIX_PORTAL_HOSTS: `${oldHost},${app.portal.host}` })
  for (let page = 0; page < 3; page += 1) expect((await app.api(session, '/api/companies')).body.total).toBe(3)
  expect(redirects(app)).toBe(1)
  expect(await app.stored(store => store.find(app.portal.memberId))).toMatchObject({ origin: app.portal.origin })

  await app.stop()
  await app.start({ BITRIX_PORTAL_HOSTS: app.portal.host })
  const again = await app.startRun(session, { kind: 'create', companies: 2 })
  expect(await app.ended(session, again.body.id)).toMatchObject({ status: 'completed', portal: app.portal.host })
  expect(redirects(app)).toBe(1)
  // Opened at the new address, it is the same portal.
  const opened = await app.session()
  expect(await runIds(app, opened)).toEqual([again.body.id, before.body.id])
  expect(await app.stored((_store, db) => db.selectFrom('installation').selectAll().execute())).toHaveLength(1)
})

it('goes on with a run while its portal is renamed: nothing is lost, nothing is made twice', async () => {
  const newAddress = await openFront()
  const app = await openRealApp({ portal: { speed: { commandMs: 5, workers: 2 } } })
  newAddress.to(app.portal.origin)
  await app.start({ BITRIX_PORTAL_HOSTS: `${app.portal.host},${new URL(newAddress.origin).host}` })
  await app.install()
  const session = await app.session()
  const { body } = await app.startRun(session, { kind: 'create', companies: 300 })
  await expect.poll(async () => (await app.api(session, `/api/runs/${body.id}`)).body.done).toBeGreaterThan(20)
  app.portal.configure({ movedTo: newAddress.origin })
  expect(await app.ended(session, body.id)).toMatchObject({ status: 'completed', failed: 0, done: 600 })
  expect(app.portal.state.counts()).toEqual({ companies: 300, contacts: 300 })
  const moved = redirects(app)
  expect(moved).toBeGreaterThan(0)
  expect((await app.api(session, '/api/companies')).body.total).toBe(300)
  expect(redirects(app)).toBe(moved)
})
