// Removing the application from a portal: what stays, what goes, and what comes back with a new installation.
import { beforeAll, describe, expect, it } from 'vitest'
import { KEYS } from '../support/portal-app.ts'
import { openRealApp, type RealApp } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const status = async (app: RealApp): Promise<string | undefined> =>
  (await app.stored(store => store.find(app.portal.memberId)))?.status

const runsOnDisk = (app: RealApp): Promise<number> =>
  app.stored(async (_store, db) => (await db.selectFrom('run').select('id').execute()).length)
const eventsOnDisk = (app: RealApp): Promise<number> =>
  app.stored(async (_store, db) => (await db.selectFrom('run_event').select('seq').execute()).length)

/** The portal's administrator deletes the application. */
const remove = async (app: RealApp, clean: boolean): Promise<void> => {
  app.portal.applications.remove(KEYS.clientId, clean)
  await app.portal.eventsSettled()
  await expect.poll(() => status(app)).toBe('deleted')
}

/** A run that is on, in a process that can be killed: the portal has got its first batch and keeps the answer. */
const openWithRun = async () => {
  // The portal keeps what we believe of it, on a busy machine too.
  const app = await openRealApp({ portal: { requestSeconds: 1 } })
  await app.startProcess()
  await app.install()
  const session = await app.session()
  const early = await app.startRun(session, { kind: 'create', companies: 2 })
  await app.ended(session, early.body.id)
  app.portal.faults.next('hold', { times: 1000, when: ({ writes }) => writes })
  const { body } = await app.startRun(session, { kind: 'create', companies: 200 })
  await expect.poll(() => app.portal.faults.log.counts.hold ?? 0).toBeGreaterThan(0)
  return { app, session, early: early.body.id as string, on: body.id as string }
}

const installAgain = async (app: RealApp): Promise<string> => {
  app.portal.faults.clear()
  app.register()
  await app.install()
  return app.session()
}

const runsOf = async (app: RealApp, session: string): Promise<[string, string][]> =>
  (await app.api(session, '/api/runs')).body.runs.map((run: { id: string; status: string }) => [run.id, run.status])

const fills = async (app: RealApp, session: string): Promise<void> => {
  const { companies } = app.portal.state.counts()
  const { body } = await app.startRun(session, { kind: 'create', companies: 5 })
  expect(await app.ended(session, body.id)).toMatchObject({ status: 'completed' })
  expect(app.portal.state.counts().companies).toBe(companies + 5)
}

describe('with its data', () => {
  it('while a run is on, and killed before the run has ended: nothing of the history is left', async () => {
    const { app, session } = await openWithRun()
    await remove(app, true)
    app.kill()
    await app.died()
    expect([await runsOnDisk(app), await eventsOnDisk(app)]).toEqual([0, 0])
    await app.start()
    expect((await app.api(session, '/api/runs')).status).toBe(401)
    const fresh = await installAgain(app)
    expect(await runsOf(app, fresh)).toEqual([])
    await fills(app, fresh)
  })

  it('while a run is on: it stops, leaves nothing, and a new installation has the portal to itself', async () => {
    const { app } = await openWithRun()
    await remove(app, true)
    const fresh = await installAgain(app)
    await expect
      .poll(async () => (await app.api(fresh, '/bitrix/status')).body, { timeout: 15_000 })
      .toEqual({ busy: false })
    expect(await runsOf(app, fresh)).toEqual([])
    await fills(app, fresh)
    expect(await runsOnDisk(app)).toBe(1)
  })
})

describe('without its data', () => {
  it('while a run is on, and killed before the run has ended: a new installation finds the history, and can go on', async () => {
    const { app, early, on } = await openWithRun()
    await remove(app, false)
    app.kill()
    await app.died()
    await app.start()
    const fresh = await installAgain(app)
    const ended = (): Promise<[string, string][]> => runsOf(app, fresh)
    await expect.poll(ended, { timeout: 30_000 }).toEqual([
      [on, expect.stringMatching(/interrupted|cancelled/)],
      [early, 'completed']
    ])
    expect((await app.api(fresh, `/api/runs/${on}/resume`, { method: 'POST' })).status).toBe(202)
    expect(await app.ended(fresh, on)).toMatchObject({ status: 'completed', failed: 0 })
    expect(app.portal.state.counts()).toEqual({ companies: 202, contacts: 202 })
  })
})
