// The time left that a run tells, against how long it really takes: in virtual time.
import { describe, expect, it } from 'vitest'
import { PortalFailure } from '../../server/core/portal.ts'
import { clearAll, createRows, createSimulation, type Seen, type Simulation } from '../support/simulation.ts'
import { nobody } from '../support/virtual-runs.ts'

const limits = { latencySeconds: 0.04, burst: 50, rate: 2 }

/** The worst that a run told once a fifth of it was done, in parts of the time that it took. */
const worstOf = ({ seconds, seen }: Seen): number => {
  const told = seen.filter(({ snapshot }) => snapshot.status === 'running' && snapshot.percent >= 20)
  // A few batches of 50 that end together leave nothing to tell.
  if (seconds > 5) expect(told.length).toBeGreaterThan(0)
  const errors = told.map(({ at, snapshot: { etaSeconds } }) =>
    etaSeconds === null ? Number.POSITIVE_INFINITY : Math.abs(at + etaSeconds - seconds) / seconds
  )
  return Math.max(0, ...errors)
}

const cases = [200, 2000, 10_000].flatMap(rows =>
  [30, 80, 300].flatMap(ms => [4, 8, 32].map(workers => ({ rows, ms, workers })))
)

describe('within 15 percent of the truth once a fifth is done', () => {
  it.each(cases)('$rows rows at $ms ms with $workers workers', async ({ rows, ms, workers }) => {
    const simulation = createSimulation({ ...limits, workers, commandSeconds: () => ms / 1000 })
    for (const turn of ['first', 'later']) {
      for (const operation of [createRows(rows), clearAll]) {
        await simulation.openPage()
        await simulation.pass(60)
        expect(worstOf(await simulation.run(operation)), `${turn} ${operation.kind}`).toBeLessThan(0.15)
      }
    }
  })

  it.each([
    ['window', 480, 4],
    ['window', 480, 8],
    ['window', 480, 32],
    ['window', 420, 8],
    ['ban', 480, 8]
  ] as const)(
    '8000 rows where operating time is counted: %s, %i s, %i workers',
    async (model, limitSeconds, workers) => {
      const simulation = createSimulation({
        ...limits,
        workers,
        commandSeconds: () => 0.3,
        operating: { model, limitSeconds, windowSeconds: 600, banSeconds: 300 }
      })
      expect(worstOf(await simulation.run(createRows(8000))), 'create').toBeLessThan(0.15)
      await simulation.pass(1000)
      expect(worstOf(await simulation.run(clearAll)), 'clear').toBeLessThan(0.15)
    }
  )
})

/** Of the rows that `isRefused` picks, the portal takes none. */
const refuse = ({ portal: { portal, crm } }: Simulation, isRefused: (key: string) => boolean): void => {
  const { execute } = portal
  Object.assign(portal, {
    execute: async (...call: Parameters<typeof execute>) => {
      const reply = await execute(...call)
      const refused = { kind: 'refused', code: '', message: 'Access denied.' } as const
      const outcomes = [...reply.outcomes].map(([key, outcome]) => {
        if (!isRefused(key)) return [key, outcome] as const
        // It took its time, and left nothing.
        if (outcome.kind === 'ok') crm.contacts.delete(Number(outcome.result))
        return [key, refused] as const
      })
      return { ...reply, outcomes: new Map(outcomes) }
    }
  })
}

it('counts rejected rows as done, and those of a retry whatever they are', async () => {
  const simulation = createSimulation({ ...limits, workers: 4, commandSeconds: () => 0.08 })
  let refusing = true
  // Contacts are `p<row>`, the first one is row 1001.
  refuse(simulation, key => refusing && key.startsWith('p') && Number(key.slice(1)) % 10 < 8)
  await simulation.openPage()
  const first = await simulation.run(createRows(2000))
  expect(first.seen.at(-1)?.snapshot).toMatchObject({ status: 'completed', failed: 800 })
  expect(worstOf(first), 'with rejections').toBeLessThan(0.15)
  refusing = false
  await simulation.pass(60)
  const retry = await simulation.follow(() => simulation.runs.retry('run1', simulation.channel, nobody))
  expect(retry.seen.at(-1)?.snapshot).toMatchObject({ total: 800, created: { companies: 0, contacts: 800 } })
  expect(worstOf(retry), 'in a retry').toBeLessThan(0.15)
})

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
