// How near a run comes to the least time that the portal's limits allow: in virtual time, so that it is the same on every machine.
import { describe, expect, it } from 'vitest'
import { lowerBound } from '../../bench/bound.ts'
import { clearAll, createRows, createSimulation } from '../support/simulation.ts'

const standard = { latencySeconds: 0.04, burst: 50, rate: 2 }

/** Ratios bound / measured of a create run and of the clear run behind it, on a portal that an earlier pair has made known. */
const ratios = async (rows: number, commandMs: number, workers: number) => {
  const portal = { ...standard, workers, commandSeconds: () => commandMs / 1000 }
  const simulation = createSimulation(portal)
  const bound = (pages?: number) =>
    lowerBound({
      ...standard,
      rows,
      workers,
      commandSeconds: commandMs / 1000,
      ...(pages === undefined ? {} : { pages })
    })
  const pair = async () => {
    const create = await simulation.run(createRows(rows))
    await simulation.pass(120)
    const clear = await simulation.run(clearAll)
    await simulation.pass(120)
    expect(simulation.portal.crm.companies.size + simulation.portal.crm.contacts.size).toBe(0)
    return { create: bound() / create.seconds, clear: bound(Math.ceil(rows / 50)) / clear.seconds }
  }
  await pair()
  const ratio = await pair()
  expect(simulation.portal.stats.refused).toBe(0)
  return ratio
}

describe('as fast as the portal allows', () => {
  it.each([
    [200, 30, 4, 0.95],
    [200, 80, 8, 0.95],
    [200, 300, 4, 0.95],
    [200, 80, 32, 0.85],
    [2000, 30, 8, 0.95],
    [2000, 80, 4, 0.95],
    [2000, 300, 8, 0.95],
    [2000, 300, 32, 0.7],
    [10_000, 30, 32, 0.93],
    [10_000, 80, 8, 0.95],
    [10_000, 300, 32, 0.88]
  ])('%i rows at %i ms with %i workers reach %f of the bound', async (rows, commandMs, workers, least) => {
    const { create, clear } = await ratios(rows, commandMs, workers)
    expect(create).toBeGreaterThan(least)
    expect(clear).toBeGreaterThan(least - 0.06)
  })
})
