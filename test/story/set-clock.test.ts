// The whole server, with the real SDK, while somebody sets the time: in the middle of a run, of an outage, of each limit.
// Must stay true: only Date.now is set, as on a machine whose time is set: timers and performance.now go on; the portal has its own clock.
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EmulatedPortal, EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

const HOUR = 3_600_000
const STEPS = [30_000, -30_000, HOUR, -HOUR, 24 * HOUR, -24 * HOUR]
/** Less than the smallest step: who waits for a clock to come back is too late. Without a step each of them takes a few seconds. */
const IN_TIME = { timeout: 25_000, interval: 10 }

const setClock = (by: number): void => {
  const real = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => real() + by)
}

const open = async (portal: EmulatedPortalOptions) => {
  onTestFinished(() => void vi.restoreAllMocks())
  const site = await openSite({
    portal: { speed: { commandMs: 4, workers: 2 }, ...portal },
    settings: { BITRIX_REQUEST_SECONDS: '1' }
  })
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> =>
    (await (await fetch(`${site.origin}${path}`, init)).json()) as T // what the contract says
  const { id } = await ask<RunSnapshot>('/api/runs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ kind: 'create', companies: 400, contacts: 400, seed: 1, locale: 'ru' })
  })
  const run = () => ask<RunSnapshot>(`/api/runs/${id}`)
  return { ...site, ask, run }
}

interface Situation {
  readonly portal?: EmulatedPortalOptions
  /** Brings it about, once some rows are done. */
  readonly bring?: (portal: EmulatedPortal) => void
  /** True when the run is in it. */
  readonly is: (run: RunSnapshot, portal: EmulatedPortal) => boolean
}

const situations: Record<string, Situation> = {
  'of a run': { is: ({ done }) => done > 0 },
  'of an outage': { bring: portal => portal.restart(1500), is: ({ waitingFor }) => waitingFor === 'portal' },
  'of a back-off after too many requests': {
    portal: { bucket: { on: true, size: 2, drainPerSecond: 20 } },
    is: (_, { stats }) => (stats.answers[503] ?? 0) > 0
  },
  'of an operating limit': {
    portal: { operating: { on: true, limitSeconds: 1, windowSeconds: 5, ignoreUpToSeconds: 0 } },
    is: (_, { stats }) => Object.keys(stats.limited).length > 0
  }
}

describe.each(Object.entries(situations))('a clock that is set in the middle %s', (_name, situation) => {
  test.each(STEPS)('by %i ms holds nobody up', async by => {
    const { portal, ask, run } = await open(situation.portal ?? {})
    await expect.poll(async () => (await run()).done, IN_TIME).toBeGreaterThan(0)
    situation.bring?.(portal)
    await expect.poll(async () => situation.is(await run(), portal), IN_TIME).toBe(true)
    const before = await run()
    expect(before.status).toBe('running')
    setClock(by)
    const seen = [before.done]
    await expect
      .poll(async () => {
        const { done, status } = await run()
        seen.push(done)
        return status
      }, IN_TIME)
      .toBe('completed')
    expect(seen).toEqual([...seen].sort((one, other) => one - other))
    expect([portal.state.companies.size, portal.state.contacts.size]).toEqual([400, 400])
    const { items } = await ask<{ items: unknown[] }>('/api/companies')
    expect(items.length).toBeGreaterThan(0)
  })
})

test.each([3 * HOUR, -3 * HOUR])(
  'a portal whose clock is %i ms ahead of ours is waited for as long as any other',
  async ahead => {
    const operating = situations['of an operating limit']?.portal
    const { portal, run } = await open({ ...operating, clockAheadMs: ahead })
    await expect.poll(async () => (await run()).status, IN_TIME).toBe('completed')
    expect(Object.keys(portal.stats.limited)).not.toEqual([])
    expect([portal.state.companies.size, portal.state.contacts.size]).toEqual([400, 400])
  }
)
