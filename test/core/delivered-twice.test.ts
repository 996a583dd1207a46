// Batches that something on the way delivers twice, one delivery after the other, to a portal with workers: in virtual time.
// Must stay true: what the portal holds is counted; a portal that does nothing of the kind costs no look-up.
import { expect, test } from 'vitest'
import { type CommandOutcome, type Portal, PortalFailure } from '../../server/core/portal.ts'
import { clearAll, createRows, createSimulation, type Simulation } from '../support/simulation.ts'
import { nobody } from '../support/virtual-runs.ts'

const limits = { latencySeconds: 0.04, burst: 250, rate: 5 }

/** Delivers every `nth` batch of new records twice. */
const deliverTwice = ({ portal: { portal } }: Simulation, nth: number): { batches: number } => {
  const { execute } = portal
  const count = { batches: 0 }
  let seen = 0
  const twice: Portal['execute'] = async (...request) => {
    if (request[0].some(({ method }) => method.endsWith('.add'))) {
      seen += 1
      if (seen % nth === 0) {
        count.batches += 1
        await execute(...request)
      }
    }
    return execute(...request)
  }
  Object.assign(portal, { execute: twice })
  return count
}

const refused: CommandOutcome = { kind: 'refused', code: '', message: 'Access denied.' }
const skipped: CommandOutcome = { kind: 'skipped' }

const records = ({ portal: { crm } }: Simulation): number => crm.companies.size + crm.contacts.size

/** Look-ups by origin tag among the requests of a run. */
const countLookUps = ({ portal: { portal } }: Simulation): { rows: number } => {
  const { execute } = portal
  const count = { rows: 0 }
  const counting: Portal['execute'] = (...request) => {
    for (const { params } of request[0]) {
      const tags = (params['filter'] as Record<string, unknown> | undefined)?.['@ORIGIN_ID']
      if (Array.isArray(tags)) count.rows += tags.length
    }
    return execute(...request)
  }
  Object.assign(portal, { execute: counting })
  return count
}

test.each([
  [200, 300, 8],
  [2000, 300, 4],
  [2000, 300, 32],
  [10_000, 300, 8]
])(
  '%i rows at %i ms with %i workers: second copies are removed, however short the batches',
  async (rows, ms, workers) => {
    const simulation = createSimulation({ ...limits, workers, commandSeconds: () => ms / 1000 })
    await simulation.openPage()
    await simulation.run(createRows(rows))
    await simulation.run(clearAll)
    await simulation.pass(120)
    const delivered = deliverTwice(simulation, 11)
    const { seen } = await simulation.run(createRows(rows))
    expect(seen.at(-1)?.snapshot).toMatchObject({ status: 'completed', percent: 100 })
    expect(delivered.batches).toBeGreaterThan(2)
    expect(records(simulation)).toBe(rows)
  }
)

/** It executes everything, and says of the second record of some batches that something behind it failed (a workflow, for example). */
const refuseWhatIsThere = ({ portal: { portal } }: Simulation, batches: number): { refusals: number } => {
  const { execute } = portal
  const count = { refusals: 0 }
  const strict: Portal['execute'] = async (...request) => {
    const reply = await execute(...request)
    const [, second] = request[0].filter(({ method }) => method.endsWith('.add'))
    if (second === undefined || count.refusals === batches) return reply
    count.refusals += 1
    const failed: CommandOutcome = { kind: 'refused', code: 'ERROR_CORE', message: 'The workflow cannot be started' }
    return { ...reply, outcomes: new Map([...reply.outcomes, [second.key, failed]]) }
  }
  Object.assign(portal, { execute: strict })
  return count
}

test('a row that exists although it was refused is removed before the run ends, and a retry makes it once', async () => {
  const simulation = createSimulation({ ...limits, workers: 8, commandSeconds: () => 0.03 })
  await simulation.openPage()
  refuseWhatIsThere(simulation, 3)
  const first = (await simulation.run(createRows(40))).seen.at(-1)?.snapshot
  expect(first).toMatchObject({ status: 'completed', done: 40 })
  expect(first?.failed).toBeGreaterThanOrEqual(3)
  expect(records(simulation)).toBe(40 - (first?.failed ?? 0))
  const retry = () => simulation.runs.retry('run1', simulation.channel, nobody)
  expect((await simulation.follow(retry)).seen.at(-1)?.snapshot).toMatchObject({ status: 'completed', failed: 0 })
  expect(records(simulation)).toBe(40)
})

test('a retry removes first what a run that broke off had not looked for', async () => {
  const simulation = createSimulation({ ...limits, workers: 8, commandSeconds: () => 0.03 })
  await simulation.openPage()
  const count = refuseWhatIsThere(simulation, 1)
  const { portal } = simulation.portal
  const { execute } = portal
  let away = false
  const revoked: Portal['execute'] = async (...request) => {
    if (away) throw new PortalFailure('blocked', 'INVALID_CREDENTIALS', 'Invalid credentials')
    const reply = await execute(...request)
    away = count.refusals === 1
    return reply
  }
  Object.assign(portal, { execute: revoked })
  const first = (await simulation.run(createRows(400))).seen.at(-1)?.snapshot
  expect(first?.status).toBe('failed')
  expect(first?.failed).toBeGreaterThanOrEqual(1)
  Object.assign(portal, { execute })
  const { created, failed } = first ?? { created: { companies: 0, contacts: 0 }, failed: 0 }
  const retry = () => simulation.runs.retry('run1', simulation.channel, nobody)
  expect((await simulation.follow(retry)).seen.at(-1)?.snapshot).toMatchObject({ status: 'completed', failed: 0 })
  // What the first run does not know yet is not the retry's concern.
  const before = () => simulation.runs.resume('run1', simulation.channel)
  expect((await simulation.follow(before)).seen.at(-1)?.snapshot).toMatchObject({ status: 'completed', failed })
  expect(created.companies + created.contacts).toBeGreaterThan(0)
  expect(records(simulation)).toBe(400)
})

test('of two copies of which somebody has removed one, the other one stays', async () => {
  const simulation = createSimulation({ ...limits, workers: 8, commandSeconds: () => 0.3 })
  await simulation.openPage()
  const { portal, crm } = simulation.portal
  const { execute } = portal
  let removed = 0
  const merging: Portal['execute'] = async (...request) => {
    const first = request[0].find(({ method }) => method === 'crm.company.add')
    if (first === undefined || removed > 0) return execute(...request)
    removed = -1
    await execute(...request)
    await simulation.clock.sleep(3000)
    const reply = await execute(...request)
    const outcome = reply.outcomes.get(first.key)
    if (outcome?.kind === 'ok' && crm.companies.delete(Number(outcome.result))) removed = 1
    return reply
  }
  Object.assign(portal, { execute: merging })
  await simulation.run(createRows(40))
  expect(removed).toBe(1)
  expect(records(simulation)).toBe(40)
})

test('where nothing is delivered twice, each row is looked up once, at the end', async () => {
  const simulation = createSimulation({ ...limits, workers: 8, commandSeconds: () => 0.03 })
  await simulation.openPage()
  await simulation.run(createRows(2000))
  await simulation.run(clearAll)
  await simulation.pass(120)
  const lookedUp = countLookUps(simulation)
  await simulation.run(createRows(2000))
  expect(lookedUp.rows).toBe(2000)
})

test('rows that a late answer brings back are looked up at once: whoever has answered is done with them', async () => {
  const simulation = createSimulation({ ...limits, workers: 8, commandSeconds: () => 0.03 })
  await simulation.openPage()
  const { portal } = simulation.portal
  const { execute } = portal
  let seen = 0
  const late: Portal['execute'] = async (commands, options) => {
    if (!commands.some(({ method }) => method.endsWith('.add')) || seen > 0) return execute(commands, options)
    seen += 1
    // Half a second on the way, and refused at its first row: the portal stops there.
    await simulation.clock.sleep(500)
    const outcomes = commands.map(({ key }, index) => [key, index === 0 ? refused : skipped] as const)
    return {
      outcomes: new Map<string, CommandOutcome>(outcomes),
      times: new Map(),
      duration: 0.01,
      finishedAt: undefined
    }
  }
  Object.assign(portal, { execute: late })
  const lookedUp = countLookUps(simulation)
  const { seconds, seen: told } = await simulation.run(createRows(40))
  expect(told.at(-1)?.snapshot).toMatchObject({ status: 'completed', failed: 2 })
  expect(records(simulation)).toBe(38)
  expect(lookedUp.rows).toBeGreaterThan(0)
  expect(seconds).toBeLessThan(10)
})
