// The count at the end of a create run: what is one too many goes, what is gone comes again, and what nobody may read is said.
// Must stay true: the portal is counted, not the journal; time is virtual.
import { expect, test } from 'vitest'
import type { CommandOutcome, Portal } from '../../server/core/portal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createRows, createSimulation, type Simulation } from '../support/simulation.ts'

const open = async (): Promise<Simulation> => {
  const simulation = createSimulation({
    ...{ latencySeconds: 0.04, burst: 250, rate: 5, workers: 8 },
    commandSeconds: () => 0.03
  })
  await simulation.openPage()
  return simulation
}

const last = async (simulation: Simulation, rows = 40): Promise<RunSnapshot | undefined> =>
  (await simulation.run(createRows(rows))).seen.at(-1)?.snapshot

const records = ({ portal: { crm } }: Simulation): number => crm.companies.size + crm.contacts.size

/** Stands before the portal. `execute` goes on to it. */
const before = (
  { portal: { portal } }: Simulation,
  stand: (execute: Portal['execute'], ...request: Parameters<Portal['execute']>) => ReturnType<Portal['execute']>
): void => {
  const { execute } = portal
  Object.assign(portal, { execute: (...request: Parameters<Portal['execute']>) => stand(execute, ...request) })
}

const writes = (commands: Parameters<Portal['execute']>[0]): boolean =>
  commands.some(({ method }) => method.endsWith('.add'))

test('a run whose records are all there, each once, is verified', async () => {
  const simulation = await open()
  expect(await last(simulation)).toMatchObject({ verified: true, unverified: null, copiesRemoved: 0 })
})

test('a second delivery that is executed beside the first one leaves nothing', async () => {
  const simulation = await open()
  before(simulation, async (execute, commands, options) => {
    if (writes(commands)) void execute(commands, options)
    return execute(commands, options)
  })
  const run = await last(simulation)
  expect(run).toMatchObject({ status: 'completed', done: 40, verified: true, copiesRemoved: 40 })
  expect(records(simulation)).toBe(40)
})

test('a delivery that hangs until the run has ended is found by the second count, and stands in the history', async () => {
  const simulation = await open()
  let late = 0
  before(simulation, async (execute, commands, options) => {
    if (writes(commands) && late === 0) {
      late += 1
      void simulation.clock.sleep(50_000).then(() => execute(commands, options))
    }
    return execute(commands, options)
  })
  const run = await last(simulation)
  expect(run).toMatchObject({ status: 'completed', verified: true, copiesRemoved: 0 })
  await simulation.pass(55)
  expect(records(simulation)).toBeGreaterThan(40)
  await simulation.pass(10)
  expect(records(simulation)).toBe(40)
  const after = (await simulation.runs.find('run1'))?.snapshot
  expect(after).toMatchObject({ verified: true })
  expect(after?.copiesRemoved).toBeGreaterThan(0)
})

test('what somebody deleted meanwhile is made again, and contacts of a company that is made again hang at it', async () => {
  const simulation = await open()
  const { crm } = simulation.portal
  let deleted = 0
  before(simulation, async (execute, commands, options) => {
    const reply = await execute(commands, options)
    const first = reply.outcomes.get('c1')
    if (deleted === 0 && first?.kind === 'ok') {
      deleted = 1
      crm.companies.delete(Number(first.result))
    }
    return reply
  })
  expect(await last(simulation)).toMatchObject({
    status: 'completed',
    created: { companies: 20, contacts: 20 },
    verified: true
  })
  expect(deleted).toBe(1)
  expect(records(simulation)).toBe(40)
  for (const contact of crm.contacts.values()) expect(crm.companies.has(contact.companyId)).toBe(true)
})

const hide = (simulation: Simulation, list: CommandOutcome, get: CommandOutcome): void =>
  before(simulation, async (execute, commands, options) => {
    const reply = await execute(commands, options)
    const outcomes = new Map(reply.outcomes)
    for (const { key, method, params } of commands) {
      const byTag = '@ORIGIN_ID' in Object(params['filter'])
      if (method.endsWith('.list') && byTag) outcomes.set(key, list)
      if (method.endsWith('.get')) outcomes.set(key, get)
    }
    return { ...reply, outcomes }
  })

test.each<[string, CommandOutcome]>([
  ['are refused', { kind: 'refused', code: '', message: 'Доступ запрещён' }],
  ['show nothing', { kind: 'ok', result: [] }]
])('where lists %s, the run says so, and sends nothing again', async (_, list) => {
  const simulation = await open()
  hide(simulation, list, { kind: 'refused', code: 'ACCESS_DENIED', message: 'Доступ запрещён' })
  const run = await last(simulation)
  expect(run).toMatchObject({ status: 'completed', done: 40, verified: false })
  expect(run?.unverified?.message).not.toBe('')
  expect(records(simulation)).toBe(40)
})

test('a record that is there and that no list shows is never made a second time', async () => {
  const simulation = await open()
  hide(simulation, { kind: 'ok', result: [] }, { kind: 'ok', result: { item: {} } })
  expect(await last(simulation)).toMatchObject({ status: 'completed', unverified: { code: 'LISTS_BEHIND' } })
  expect(records(simulation)).toBe(40)
})
