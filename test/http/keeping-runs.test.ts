// The history as a program reads and clears it: page by page, run by run.
// Must stay true: through a real socket; what one portal has is never another one's to read or delete.
import { beforeAll, describe, expect, test } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { openHttpApp } from '../support/http-app.ts'
import { act, create, ended, openInstalled, start } from '../support/portal-runs.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

const idsOf = (runs: readonly RunSnapshot[]): string[] => runs.map(({ id }) => id)

const openWithRuns = async (count: number) => {
  const app = await openHttpApp()
  const ids: string[] = []
  for (let run = 0; run < count; run += 1) {
    const { body } = await app.send('/bitrix/webhook/push-to-bitrix?count=1', { method: 'POST' })
    ids.unshift(body.id)
  }
  return { app, ids }
}

describe('the list of runs', () => {
  test('is read page by page, newest first, to its end', async () => {
    const { app, ids } = await openWithRuns(5)
    const first = await app.send('/api/runs?limit=2')
    expect(idsOf(first.body.runs)).toEqual(ids.slice(0, 2))
    expect(first.body.next).toBe(ids[1])
    const second = await app.send(`/api/runs?limit=2&after=${first.body.next}`)
    expect([idsOf(second.body.runs), second.body.next]).toEqual([ids.slice(2, 4), ids[3]])
    const last = await app.send(`/api/runs?limit=2&after=${second.body.next}`)
    expect([idsOf(last.body.runs), last.body.next]).toEqual([ids.slice(4), undefined])
    const all = await app.send('/api/runs')
    expect([idsOf(all.body.runs), all.body.next]).toEqual([ids, undefined])
  })

  test.each(['limit=0', 'limit=51', 'limit=x', 'limit=1&limit=2', 'after=', 'after=../x'])(
    'refuses %s',
    async query => {
      const { app } = await openWithRuns(0)
      expect(await app.send(`/api/runs?${query}`)).toMatchObject({ status: 400, body: { error: 'INVALID_INPUT' } })
    }
  )

  test('says so when the page would begin after a run that is not there', async () => {
    const { app } = await openWithRuns(1)
    expect(await app.send('/api/runs?after=nobody')).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
  })
})

describe('deleting a run', () => {
  test('takes it out of everything that can be asked, and leaves the others', async () => {
    const site = await openSite()
    const { origin } = site
    const ids: string[] = []
    for (let run = 0; run < 3; run += 1) {
      const made = await fetch(`${origin}/bitrix/webhook/push-to-bitrix?count=1`, { method: 'POST' })
      ids.unshift(((await made.json()) as RunSnapshot).id)
    }
    const [newest, middle, oldest] = ids
    const remove = (id: string | undefined) => fetch(`${origin}/api/runs/${id}`, { method: 'DELETE' })
    const deleted = await remove(middle)
    expect([deleted.status, await deleted.text()]).toEqual([204, ''])
    for (const path of ['', '/progress', '/rejections.csv'])
      expect((await fetch(`${origin}/api/runs/${middle}${path}`)).status, path).toBe(404)
    for (const action of ['cancel', 'resume', 'retry'])
      expect((await fetch(`${origin}/api/runs/${middle}/${action}`, { method: 'POST' })).status, action).toBe(404)
    expect((await remove(middle)).status).toBe(404)
    const list = async () => idsOf(((await (await fetch(`${origin}/api/runs`)).json()) as { runs: RunSnapshot[] }).runs)
    expect(await list()).toEqual([newest, oldest])
    expect((await remove(newest)).status).toBe(204)
    const latest = (await (await fetch(`${origin}/api/runs/latest`)).json()) as { run: RunSnapshot }
    expect(latest.run.id).toBe(oldest)
    // The records that it made are the portal's.
    expect(site.portal.state.counts()).toEqual({ companies: 3, contacts: 3 })
    // Also after a restart.
    await site.stop()
    await site.start()
    // The first requests may meet connections of the server before.
    await expect.poll(() => list().catch(() => [])).toEqual([oldest])
  })

  test('waits until the run has ended', async () => {
    const site = await openSite({ portal: { speed: { commandMs: 50, workers: 1 } } })
    const started = await fetch(`${site.origin}/api/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(create(200))
    })
    const { id } = (await started.json()) as RunSnapshot
    const refused = await fetch(`${site.origin}/api/runs/${id}`, { method: 'DELETE' })
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({ error: 'BUSY', run: { id, status: 'running' } })
    await fetch(`${site.origin}/api/runs/${id}/cancel`, { method: 'POST' })
    site.portal.configure({ speed: { commandMs: 0 } })
    await (await fetch(`${site.origin}/api/runs/${id}/progress`)).text()
    expect((await fetch(`${site.origin}/api/runs/${id}`, { method: 'DELETE' })).status).toBe(204)
  })

  test('does not make rows anew that a retry has created: the retry is deleted, not forgotten', async () => {
    const site = await openSite()
    site.portal.faults.random({ 'access-denied': { probability: 1, rows: { fraction: 1 } } }, 1)
    const made = await fetch(`${site.origin}/bitrix/webhook/push-to-bitrix?count=2`, { method: 'POST' })
    const { id } = (await made.json()) as RunSnapshot
    site.portal.faults.clear()
    const retry = () => fetch(`${site.origin}/api/runs/${id}/retry`, { method: 'POST' })
    const retried = (await (await retry()).json()) as RunSnapshot
    await (await fetch(`${site.origin}/api/runs/${retried.id}/progress`)).text()
    expect((await fetch(`${site.origin}/api/runs/${retried.id}`, { method: 'DELETE' })).status).toBe(204)
    const again = await retry()
    expect([again.status, await again.json()]).toEqual([409, expect.objectContaining({ error: 'ALREADY_RETRIED' })])
    expect(site.portal.state.counts()).toEqual({ companies: 2, contacts: 2 })
  })

  test('is an administrator’s in a portal, and concerns that portal only', async () => {
    const app = await openInstalled({ portals: 2 })
    const [, there] = app.portals
    const [admin, ordinary, elsewhere] = [
      await app.session(),
      await app.session({ person: 2 }),
      await app.session({}, there)
    ]
    const { body } = await start(app, ordinary, create(1))
    await ended(app, ordinary, body.id)
    const remove = (session: string) => app.api(session, `/api/runs/${body.id}`, { method: 'DELETE' })
    expect(await remove(ordinary)).toMatchObject({ status: 403, body: { error: 'ADMIN_REQUIRED' } })
    expect(await remove(elsewhere)).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
    expect((await app.api(elsewhere, `/api/runs?after=${body.id}`)).status).toBe(404)
    expect((await app.api(admin, `/api/runs/${body.id}`)).status).toBe(200)
    expect((await remove(admin)).status).toBe(204)
    expect((await act(app, admin, body.id, 'resume')).status).toBe(404)
  })

  test('is refused to other sites, and to whoever lacks the secret', async () => {
    const app = await openHttpApp({ secret: 'a secret of some length' })
    const bearer = { authorization: 'Bearer a secret of some length' }
    const made = await app.send('/bitrix/webhook/push-to-bitrix?count=1', { method: 'POST', headers: bearer })
    const path = `/api/runs/${made.body.id}`
    expect((await app.send(path, { method: 'DELETE' })).status).toBe(403)
    const foreign = { ...bearer, origin: 'https://evil.example' }
    expect((await app.send(path, { method: 'DELETE', headers: foreign })).status).toBe(403)
    expect((await app.send(path, { method: 'DELETE', headers: bearer })).status).toBe(204)
  })
})
