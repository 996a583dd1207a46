// The time left that a run tells, against how long it really takes: in virtual time.
import { expect, it } from 'vitest'
import { PortalFailure } from '../../server/core/portal.ts'
import { clearAll, createRows, createSimulation } from '../support/simulation.ts'

it.each([
  [10_000, 30, 4, 'create'],
  [10_000, 30, 32, 'create'],
  [10_000, 30, 8, 'clear'],
  [10_000, 80, 4, 'create'],
  [10_000, 80, 32, 'create'],
  [10_000, 80, 32, 'clear'],
  [10_000, 300, 4, 'create']
] as const)(
  '%i rows at %i ms with %i workers: %s tells its end within 15 percent once a fifth is done',
  async (rows, ms, workers, kind) => {
    const simulation = createSimulation({
      workers,
      commandSeconds: () => ms / 1000,
      latencySeconds: 0.04,
      burst: 50,
      rate: 2
    })
    if (kind === 'clear') simulation.portal.crm.seed(rows / 2, rows / 2)
    const { seconds, seen } = await simulation.run(kind === 'create' ? createRows(rows) : clearAll)
    const told = seen.filter(({ snapshot }) => snapshot.status === 'running' && snapshot.percent >= 20)
    expect(told.length).toBeGreaterThan(30)
    for (const { at, snapshot } of told) {
      expect(snapshot.etaSeconds).not.toBeNull()
      expect(Math.abs(at + (snapshot.etaSeconds ?? 0) - seconds) / seconds).toBeLessThan(0.15)
    }
  }
)

it('is never negative or endless, also when the portal was away for longer than is looked back', async () => {
  const simulation = createSimulation({
    workers: 4,
    commandSeconds: () => 0.08,
    latencySeconds: 0.04,
    burst: 50,
    rate: 2
  })
  const { portal, clock } = simulation
  const { execute } = portal.portal
  const start = clock.now()
  Object.assign(portal.portal, {
    execute: (...call: Parameters<typeof execute>) => {
      const at = (clock.now() - start) / 1000
      if (at > 30 && at < 330) throw new PortalFailure('unreachable', 'ECONNREFUSED', 'No connection')
      return execute(...call)
    }
  })
  const { seen } = await simulation.run(createRows(4000))
  expect(seen.at(-1)?.snapshot).toMatchObject({ status: 'completed', done: 4000 })
  expect(seen.some(({ at }) => at > 100 && at < 330)).toBe(true)
  for (const { at, snapshot } of seen) {
    if (snapshot.etaSeconds === null) continue
    expect(snapshot.etaSeconds, `${at} s`).toBeGreaterThanOrEqual(0)
    expect(snapshot.etaSeconds, `${at} s`).toBeLessThan(3600)
  }
})
