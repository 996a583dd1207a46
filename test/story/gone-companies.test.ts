// Records that disappear between two attempts of a run: as many as asked are there at its end.
import { beforeAll, expect, it } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

it('a create run that goes on after its records were cleared makes them again, each contact at its company', async () => {
  const { origin, portal } = await openSite({
    portal: { speed: { commandMs: 20, workers: 2 } },
    settings: { BITRIX_REQUEST_SECONDS: '2' }
  })
  const ask = async (path: string, body?: object): Promise<RunSnapshot> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(`${origin}/api/runs${path}`, body === undefined ? {} : init)
    expect(response.status).toBeLessThan(300)
    return (await response.json()) as RunSnapshot
  }
  const ended = async (id: string): Promise<RunSnapshot> => {
    const status = async () => (await ask(`/${id}`)).status
    await expect.poll(status, { timeout: 20_000 }).not.toBe('running')
    return ask(`/${id}`)
  }
  const { id } = await ask('', { kind: 'create', companies: 20, contacts: 300 })
  await expect.poll(async () => (await ask(`/${id}`)).created.companies, { timeout: 10_000 }).toBeGreaterThan(5)
  await ask(`/${id}/cancel`, {})
  const cancelled = await ended(id)
  expect(cancelled).toMatchObject({ status: 'cancelled', failed: 0 })
  await ended((await ask('', { kind: 'clear', scope: 'created' })).id)
  expect(portal.state.counts()).toEqual({ companies: 0, contacts: 0 })

  await ask(`/${id}/resume`, {})
  const run = await ended(id)
  expect(run).toMatchObject({ status: 'completed', done: 320, total: 320, failed: 0, verified: true })
  expect(portal.state.counts()).toEqual({ companies: 20, contacts: 300 })
  for (const contact of portal.state.records('contact')) expect(portal.state.companyIdsOf(contact.id)).toHaveLength(1)
}, 60_000)
