// Companies that disappear between two attempts of a run: what was to hang at them is not made without them.
import { beforeAll, expect, it } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

it('a create run that goes on after its records were cleared makes no contact without a company, and says why', async () => {
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
  expect(run).toMatchObject({ status: 'completed', done: 320, total: 320 })
  expect(run.failed).toBeGreaterThan(0)
  expect(run.errors[0]).toMatchObject({ entity: 'contact', code: 'COMPANY_GONE' })
  const before = cancelled.created.companies + cancelled.created.contacts
  const { companies, contacts } = portal.state.counts()
  expect(before + run.failed + companies + contacts).toBe(320)
  for (const contact of portal.state.records('contact')) expect(portal.state.companyIdsOf(contact.id)).toHaveLength(1)

  // Nothing brings these companies back: another try says the same.
  const again = await ended((await ask(`/${id}/retry`, {})).id)
  expect(again).toMatchObject({ status: 'completed', failed: run.failed, created: { companies: 0, contacts: 0 } })
}, 60_000)
