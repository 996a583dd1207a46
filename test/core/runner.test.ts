// When a runner looks again whether something can be sent.
import { expect, test } from 'vitest'
import { createCreateMission } from '../../server/core/create/create-mission.ts'
import { createLedger } from '../../server/core/create/ledger.ts'
import { createPlan } from '../../server/core/create/plan.ts'
import { initialRunState } from '../../server/core/run/fold.ts'
import { createRunner } from '../../server/core/run/runner.ts'
import type { Dispatcher } from '../../server/core/speed/dispatcher.ts'
import { createLimitedPortal } from '../support/limited-portal.ts'
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts'
import { channelTo, pass } from '../support/virtual-runs.ts'

const requestSeconds = 60

/** A run of one company whose batches `size` cuts. */
const runOfOne = (clock: VirtualClock, { size, againAt }: Pick<Dispatcher, 'size' | 'againAt'>) => {
  const limits = { workers: 1, commandSeconds: () => 0.01, latencySeconds: 0, burst: 50, rate: 2 }
  const { portal, crm } = createLimitedPortal(clock, limits)
  const channel = channelTo(portal, clock, requestSeconds)
  const recipe = { companies: 1, contacts: 0, seed: 1, locale: 'ru' } as const
  const plan = createPlan(recipe, 'run1')
  const ledger = createLedger(plan)
  const runner = createRunner({
    ...{ channel, clock, random: () => 0.5, requestSeconds, firstBatch: 0 },
    dispatcher: { size, againAt, measured: () => undefined, failed: () => undefined },
    mission: createCreateMission({ plan, ledger, before: [], channel, clock, requestSeconds }),
    initial: initialRunState({ kind: 'create', recipe }),
    confirm: () => Promise.resolve(),
    write: () => Promise.resolve(),
    unwritten: () => undefined,
    show: () => undefined
  })
  return { runner, channel, crm }
}

test('a moment that the dispatcher waits for may pass while the runner is at work: nothing is held back for longer', async () => {
  // Each look at the clock takes longer than the dispatcher wants to wait.
  const clock = createVirtualClock(undefined, 2)
  let heldUntil = 0
  const { runner, crm } = runOfOne(clock, {
    size({ left, now }) {
      heldUntil ||= now + 1
      return now < heldUntil ? 0 : left
    },
    againAt: () => heldUntil
  })
  const seconds = await pass(clock, () => runner.run())
  expect(crm.companies.size).toBe(1)
  expect(seconds).toBeLessThan(1)
})

test('rows for which there is no request now stay where they are, whatever the dispatcher says', async () => {
  const clock = createVirtualClock()
  const { runner, channel, crm } = runOfOne(clock, { size: ({ left }) => left, againAt: () => 0 })
  const seconds = await pass(clock, async () => {
    await channel.execute([{ key: 'any', method: 'crm.company.list', params: {} }])
    while (channel.pace.reserve(clock.steady(), 'page') === 0);
    await runner.run()
  })
  expect(crm.companies.size).toBe(1)
  expect(seconds).toBeLessThan(5)
})
