// What an operation would take, asked through the API: the model's word, nothing is started, nothing is changed.
import { beforeAll, describe, expect, test } from 'vitest'
import type { OperationEstimate } from '../../server/core/speed/estimate.ts'
import { readEvents } from '../support/event-source.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

const post = (url: string, body: object) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

const estimate = async (origin: string, body: object): Promise<OperationEstimate> => {
  const answer = await post(`${origin}/api/runs/estimate`, body)
  expect(answer.status).toBe(200)
  return (await answer.json()) as OperationEstimate
}

describe('POST /api/runs/estimate', () => {
  test('says how many requests and how long before anything is measured, and starts nothing', async () => {
    const { origin, portal } = await openSite()
    const answer = await estimate(origin, { kind: 'create', companies: 100, contacts: 100 })
    expect(answer).toMatchObject({ companies: 100, contacts: 100, measured: false })
    expect(answer.requests).toBeGreaterThanOrEqual(4)
    expect(answer.seconds).toBeGreaterThanOrEqual(1)
    expect(portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
    expect(await (await fetch(`${origin}/api/runs`)).json()).toEqual({ runs: [] })
  })

  test('knows the limits: many rows wait for requests', async () => {
    const { origin } = await openSite({
      portal: { speed: { commandMs: 5 } },
      settings: { BITRIX_RATE: '2', BITRIX_BURST: '50' }
    })
    const run = await post(`${origin}/api/runs`, { kind: 'create', companies: 20 })
    await readEvents(`${origin}${run.headers.get('location')}/progress`)
    const few = await estimate(origin, { kind: 'create', companies: 10 })
    const many = await estimate(origin, { kind: 'create', companies: 10_000 })
    expect(few).toMatchObject({ measured: true, limit: 'portal' })
    expect(many).toMatchObject({ measured: true, limit: 'requests' })
    // Fifty to a request at most, and two a second once the bucket is used up.
    expect(many.requests).toBeGreaterThanOrEqual(400)
    expect(many.seconds).toBeGreaterThan((many.requests - 50) / 2 - 5)
  })

  test('counts what a clear run would delete, and needs no confirmation to be asked', async () => {
    const { origin, portal } = await openSite()
    portal.state.seed({ companies: 30, contacts: 70 })
    expect(await estimate(origin, { kind: 'clear', scope: 'all' })).toMatchObject({ companies: 30, contacts: 70 })
    expect(await estimate(origin, { kind: 'clear' })).toMatchObject({
      companies: 0,
      contacts: 0,
      requests: 0,
      seconds: 0
    })
    expect(portal.state.counts()).toEqual({ companies: 30, contacts: 70 })
  })

  test('refuses what a run would refuse', async () => {
    const { origin } = await openSite()
    const answer = await post(`${origin}/api/runs/estimate`, { kind: 'create', companies: 100_001 })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'INVALID_INPUT' })
  })
})
