// Lists that do not show what is there: a right to read is missing, or they are behind.
// Must stay true: nothing is created twice for that; time is virtual.
import { expect, test } from 'vitest'
import type { CommandOutcome, Portal } from '../../server/core/portal.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal, type Fate } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, runsOver, toTheEnd } from '../support/virtual-runs.ts'

const fine: Fate = { is: 'fine' }

/** Ten companies and contacts; the answer to the second batch is lost. `hides`: whether lists are empty now. */
const setUp = (hides: () => boolean, get?: CommandOutcome) => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [fine, fine, { is: 'answer lost' }], 60)
  const execute: Portal['execute'] = async (commands, options) => {
    const reply = await model.portal.execute(commands, options)
    const outcomes = new Map(reply.outcomes)
    for (const { key, method } of hides() ? commands : []) {
      if (method.endsWith('.list')) outcomes.set(key, { kind: 'ok', result: [] })
      if (method.endsWith('.get') && get !== undefined) outcomes.set(key, get)
    }
    return { ...reply, outcomes }
  }
  const { journal, leases } = openMemoryJournal(createDisk())
  const runs = runsOver(journal, leases, clock, 60)
  const channel = channelTo({ ...model.portal, execute }, clock, 60)
  return {
    clock,
    start: () => runs.start(channel, companiesAndContacts(10, 10), nobody),
    resume: () => runs.resume('run1', channel),
    end: () => toTheEnd(runs),
    records: () => [model.companies.size, model.contacts.size],
    pass: (work: () => Promise<unknown>) => pass(clock, work)
  }
}

test('who may not see what he creates is told so, and nothing is created twice', async () => {
  let hides = true
  const denied: CommandOutcome = { kind: 'refused', code: 'ACCESS_DENIED', message: 'Доступ запрещён' }
  const { start, resume, end, records, pass } = setUp(() => hides, denied)
  await pass(async () => {
    await start()
    expect(await end()).toMatchObject({ status: 'failed', failure: { code: 'LOOKUP_UNRELIABLE' } })
    expect(records()).toEqual([10, 10])
    hides = false
    await resume()
    expect(await end()).toMatchObject({ status: 'completed', done: 20 })
  })
  expect(records()).toEqual([10, 10])
})

test('lists that are behind are asked again', async () => {
  let until = Number.POSITIVE_INFINITY
  const { clock, start, end, records, pass } = setUp(() => clock.now() < until)
  await pass(async () => {
    await start()
    until = clock.now() + 70_000
    expect(await end()).toMatchObject({ status: 'completed', done: 20 })
  })
  expect(records()).toEqual([10, 10])
})

test('what keeps vanishing is not sent for ever', async () => {
  const gone: CommandOutcome = { kind: 'refused', code: 'NOT_FOUND', message: 'Элемент не найден' }
  const { start, end, pass } = setUp(() => true, gone)
  await pass(async () => {
    await start()
    const unverified = { code: 'RECORDS_VANISH' }
    expect(await end()).toMatchObject({ status: 'completed', done: 20, verified: false, unverified })
  })
})
