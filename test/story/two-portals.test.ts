// Several portals on one application: everyone works at the same time, and nobody meets the others.
import { beforeAll, expect, it } from 'vitest'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import { openRealApp } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

/** Everything that the portal holds was made by this run: row by row, none missing, none twice. */
const expectExactly = ({ state }: EmulatedPortal, runId: string, count: number): void => {
  const origins = [...state.records('company'), ...state.records('contact')].map(({ values }) => values['ORIGIN_ID'])
  const rows = Array.from({ length: 2 * count }, (_, row) => `${runId}:${row + 1}`)
  expect(origins.toSorted()).toEqual(rows.toSorted())
}

it('fills two portals at once, each exactly; neither sees the other; a second start in one of them is told to wait', async () => {
  const app = await openRealApp({ portals: 2, portal: { speed: { commandMs: 20, workers: 2 } } })
  await app.start()
  const [a, b] = app.portals
  if (a === undefined || b === undefined) throw new Error('two portals')
  for (const portal of app.portals) await app.install(portal)
  const [inA, inB] = [await app.session({}, a), await app.session({}, b)]
  const colleague = await app.session({ person: 2 }, a)
  // Both runs are still on while we ask, however long that takes on a busy machine.
  for (const portal of app.portals) portal.configure({ speed: { commandMs: 100, workers: 2 } })

  const [runA, runB] = await Promise.all([
    app.startRun(inA, { kind: 'create', companies: 120 }),
    app.startRun(inB, { kind: 'create', companies: 70 })
  ])
  expect([runA.status, runB.status]).toEqual([202, 202])
  for (const session of [inA, colleague]) {
    expect(await app.startRun(session, { kind: 'create', companies: 1 })).toMatchObject({
      status: 409,
      body: { error: 'BUSY', error_description: 'Сервис занят, попробуйте позже', run: { id: runA.body.id } }
    })
  }
  for (const [session, mine, other] of [
    [inA, runA, runB],
    [inB, runB, runA]
  ] as const) {
    expect((await app.api(session, '/bitrix/status')).body).toMatchObject({ busy: true, run: { id: mine.body.id } })
    expect((await app.api(session, '/api/runs')).body.runs.map(({ id }: { id: string }) => id)).toEqual([mine.body.id])
    expect((await app.api(session, '/api/runs/latest')).body).toMatchObject({ run: { id: mine.body.id } })
    for (const path of ['', '/progress', '/rejections.csv']) {
      expect((await app.api(session, `/api/runs/${other.body.id}${path}`)).status, path).toBe(404)
    }
    for (const action of ['cancel', 'resume', 'retry']) {
      const { status } = await app.api(session, `/api/runs/${other.body.id}/${action}`, { method: 'POST' })
      expect(status, action).toBe(404)
    }
  }
  for (const portal of app.portals) portal.configure({ speed: { commandMs: 5 } })
  const both = await Promise.all([app.ended(inA, runA.body.id), app.ended(inB, runB.body.id)])
  expect(both.map(({ status, failed }) => [status, failed])).toEqual(Array(2).fill(['completed', 0]))
  expectExactly(a, runA.body.id, 120)
  expectExactly(b, runB.body.id, 70)
  for (const [session, portal] of [
    [inA, a],
    [inB, b]
  ] as const) {
    const { items, total } = (await app.api(session, '/api/companies')).body
    const titles = new Set(portal.state.records('company').map(({ values }) => values['TITLE']))
    expect(total).toBe(portal.state.counts().companies)
    for (const { title } of items) expect(titles).toContain(title)
  }

  a.configure({ speed: { commandMs: 0 } })
  const cleared = await app.startRun(inA, { kind: 'clear', scope: 'created' })
  expect((await app.ended(inA, cleared.body.id)).deleted).toEqual({ companies: 120, contacts: 120 })
  expect([a.state.counts(), b.state.counts()]).toEqual([
    { companies: 0, contacts: 0 },
    { companies: 70, contacts: 70 }
  ])
})
