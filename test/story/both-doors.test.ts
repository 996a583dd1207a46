// A webhook and the local application at once: two ways in, and where they lead to the same portal, one portal.
import { beforeAll, describe, expect, it } from 'vitest'
import { eventsOf } from '../support/event-source.ts'
import { KEYS, type Reply } from '../support/portal-app.ts'
import { stateOf } from '../support/portal-pages.ts'
import { openRealApp, type RealApp, type RealAppOptions } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const SLOW: RealAppOptions = { portal: { speed: { commandMs: 20, workers: 1 } } }
const FILL = '/bitrix/webhook/push-to-bitrix'
const BUSY = { status: 409, body: { error: 'BUSY', error_description: 'Сервис занят, попробуйте позже' } }

/** Installed on the portal that the webhook belongs to. */
const openBoth = async (options?: RealAppOptions) => {
  const app = await openRealApp(options)
  await app.start({ BITRIX_WEBHOOK_URL: app.portal.webhookUrl })
  await app.install()
  return { app, session: await app.session() }
}

const startStandalone = (app: RealApp, companies: number): Promise<Reply> =>
  app.send('/api/runs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'create', companies })
  })
const endedStandalone = async (app: RealApp, id: string): Promise<Reply> => {
  await app.send(`/api/runs/${id}/progress`)
  return app.send(`/api/runs/${id}`)
}
const idsOf = ({ body }: Reply): string[] => body.runs.map(({ id }: { id: string }) => id)

/** What both ways in show of the history. */
const histories = async (app: RealApp, session: string): Promise<string[][]> => [
  idsOf(await app.send('/api/runs')),
  idsOf(await app.api(session, '/api/runs'))
]

it('the standalone page works on the webhook, placements on the installation; two portals know nothing of each other', async () => {
  const app = await openRealApp({ ...SLOW, portals: 2 })
  const [a, b] = app.portals
  if (a === undefined || b === undefined) throw new Error('two portals')
  await app.start({ BITRIX_WEBHOOK_URL: a.webhookUrl })
  await app.install(b)
  const session = await app.session({}, b)
  expect(stateOf(await app.send('/')).portal).toEqual({ host: a.host, mode: 'webhook' })
  expect(stateOf(await app.post('/placement', {}, b)).portal).toEqual({ host: b.host, mode: 'portal' })

  const [inA, inB] = [await startStandalone(app, 30), await app.startRun(session, { kind: 'create', companies: 20 })]
  expect([inA.status, inB.status]).toEqual([202, 202])
  expect((await endedStandalone(app, inA.body.id)).body.status).toBe('completed')
  expect((await app.ended(session, inB.body.id)).status).toBe('completed')
  expect([a.state.counts().companies, b.state.counts().companies]).toEqual([30, 20])
  expect(await histories(app, session)).toEqual([[inA.body.id], [inB.body.id]])
  expect((await app.api(session, `/api/runs/${inA.body.id}`)).status).toBe(404)
})

it('a session that is over does not keep anybody from asking whether the standalone portal is busy', async () => {
  const { app, session } = await openBoth()
  const over = `${session.slice(0, -8)}AAAAAAAA`
  expect((await app.api(over, '/bitrix/status')).body).toEqual({ busy: false })
  expect((await app.api(over, '/api/runs')).body).toMatchObject({ error: 'SESSION_INVALID' })
})

describe('on the same portal', () => {
  it('a run through the webhook keeps the portal: pages in the portal see it, and are told to wait', async () => {
    const { app, session } = await openBoth(SLOW)
    const { body } = await startStandalone(app, 40)
    expect(await app.startRun(session, { kind: 'create', companies: 1 })).toMatchObject(BUSY)
    expect((await app.startRun(session, { kind: 'create', companies: 1 })).body.run.id).toBe(body.id)
    expect((await app.api(session, '/bitrix/status')).body).toMatchObject({ busy: true, run: { id: body.id } })
    const ordinary = await app.session({ person: 2 })
    const cancel = await app.api(ordinary, `/api/runs/${body.id}/cancel`, { method: 'POST' })
    expect(cancel.body.error).toBe('ADMIN_REQUIRED')
    expect((await app.ended(session, body.id)).status).toBe('completed')
    expect(app.portal.state.counts()).toEqual({ companies: 40, contacts: 40 })
  })

  it('a run in the portal keeps it from the webhook, and acts with the rights of its person whoever lets it go on', async () => {
    const { app, session } = await openBoth({ portal: { speed: { commandMs: 5, workers: 2 } } })
    const { body } = await app.startRun(session, { kind: 'create', companies: 300 })
    expect(await app.send(FILL, { method: 'POST' })).toMatchObject(BUSY)
    for await (const { event, data } of eventsOf(`${app.origin}/bitrix/clear-stream`)) {
      expect([event, JSON.parse(data)]).toEqual(['busy', BUSY.body])
    }
    expect((await app.send('/bitrix/status')).body).toMatchObject({ busy: true, run: { id: body.id } })
    expect((await app.send(`/api/runs/${body.id}/cancel`, { method: 'POST' })).status).toBe(202)
    expect((await endedStandalone(app, body.id)).body.status).toBe('cancelled')
    app.portal.removeWebhook(app.portal.webhookUrl)
    expect((await app.send(`/api/runs/${body.id}/resume`, { method: 'POST' })).status).toBe(202)
    expect((await endedStandalone(app, body.id)).body).toMatchObject({ status: 'completed', failed: 0 })
    expect(app.portal.state.counts()).toEqual({ companies: 300, contacts: 300 })
  })

  it('they share the request limit', async () => {
    const bucket = { on: true, size: 50, drainPerSecond: 20 }
    const { app, session } = await openBoth({
      portal: { bucket },
      settings: { BITRIX_RATE: '20', BITRIX_BURST: '50' }
    })
    const pages = Array.from({ length: 30 }, () => [app.send('/api/companies'), app.api(session, '/api/contacts')])
    const replies = await Promise.all(pages.flat())
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
    expect(app.portal.stats.answers[503] ?? 0).toBe(0)
    expect(app.portal.stats.maxBucketLevel).toBeLessThanOrEqual(50)
  })

  it('what was run before the installation stays visible, also after a rename and without the application', async () => {
    const app = await openRealApp()
    await app.start({ BITRIX_WEBHOOK_URL: app.portal.webhookUrl, BITRIX_CLIENT_ID: '', BITRIX_CLIENT_SECRET: '' })
    const before = await startStandalone(app, 2)
    await endedStandalone(app, before.body.id)
    await app.stop()

    await app.start({ BITRIX_CLIENT_ID: KEYS.clientId, BITRIX_CLIENT_SECRET: KEYS.clientSecret })
    await app.install()
    const session = await app.session()
    const after = await app.startRun(session, { kind: 'create', companies: 3 })
    await app.ended(session, after.body.id)
    const both = [after.body.id, before.body.id]
    expect(await histories(app, session)).toEqual([both, both])

    const oldHost = app.portal.host
    await app.portal.rename()
    await app.stop()
    await app.start({
      BITRIX_PORTAL_HOSTS: `${oldHost},${app.portal.host}`,
      BITRIX_WEBHOOK_URL: app.portal.webhookUrl
    })
    expect((await app.api(session, '/api/companies')).body.total).toBe(5)
    expect(await histories(app, session)).toEqual([both, both])
    await app.stop()
    await app.start({ BITRIX_CLIENT_ID: '', BITRIX_CLIENT_SECRET: '' })
    expect(idsOf(await app.send('/api/runs'))).toEqual(both)
  })

  it('an application that is installed while the webhook is at work waits for it', async () => {
    const app = await openRealApp()
    await app.start({ BITRIX_WEBHOOK_URL: app.portal.webhookUrl })
    app.portal.faults.next('hold', { ms: 1500, when: ({ commands }) => commands.includes('crm.company.add') })
    const { body } = await startStandalone(app, 2)
    await expect.poll(() => app.portal.faults.waiting).toBe(0)
    await app.install()
    const session = await app.session()
    const start = () => app.startRun(session, { kind: 'create', companies: 1 })
    expect(await start()).toMatchObject(BUSY)
    expect((await endedStandalone(app, body.id)).body.status).toBe('completed')
    await expect.poll(async () => (await start()).status).toBe(202)
    expect((await histories(app, session))[1]).toContain(body.id)
  })

  it('removing the application with its data leaves the webhook and its runs alone', async () => {
    const { app, session } = await openBoth(SLOW)
    const mine = await app.startRun(session, { kind: 'create', companies: 1 })
    await app.ended(session, mine.body.id)
    const { body } = await startStandalone(app, 40)
    app.portal.applications.remove(KEYS.clientId, true)
    await app.portal.eventsSettled()
    await expect.poll(async () => idsOf(await app.send('/api/runs'))).toEqual([body.id])
    expect((await endedStandalone(app, body.id)).body).toMatchObject({ status: 'completed', done: 80 })
  })
})
