// When a runner looks again whether something can be sent.
import { expect, test } from 'vitest'
import { createCreateMission } from '../../server/core/create-mission.ts'
import type { Dispatcher } from '../../server/core/dispatcher.ts'
import { initialRunState } from '../../server/core/fold.ts'
import { createLedger } from '../../server/core/ledger.ts'
import { createPlan } from '../../server/core/plan.ts'
import { createRunner } from '../../server/core/runner.ts'
import { createLimitedPortal } from '../support/limited-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, pass } from '../support/virtual-runs.ts'

const requestSeconds = 60

test('a moment that the dispatcher waits for may pass while the runner is at work: nothing is held back for longer', async () => {
  // Each look at the clock takes longer than the dispatcher wants to wait.
  const clock = createVirtualClock(undefined, 2)
  const limits = { workers: 1, commandSeconds: () => 0.01, latencySeconds: 0, burst: 50, rate: 2 }
  const { portal, crm } = createLimitedPortal(clock, limits)
  const channel = channelTo(portal, clock, requestSeconds)
  const recipe = { companies: 1, contacts: 0, seed: 1, locale: 'ru' } as const
  const plan = createPlan(recipe, 'run1')
  const ledger = createLedger(plan)
  let heldUntil = 0
  const dispatcher: Dispatcher = {
    size({ left, now }) {
      heldUntil ||= now + 1
      return now < heldUntil ? 0 : left
    },
    againAt: () => heldUntil,
    measured: () => undefined,
    failed: () => undefined
  }
  const runner = createRunner({
    ...{ channel, dispatcher, clock, random: () => 0.5, requestSeconds, firstBatch: 0 },
    mission: createCreateMission({ plan, ledger, channel, clock, requestSeconds }),
    initial: initialRunState({ kind: 'create', recipe }),
    confirm: () => Promise.resolve(),
    write: () => Promise.resolve(),
    show: () => undefined
  })
  const seconds = await pass(clock, () => runner.run())
  expect(crm.companies.size).toBe(1)
  expect(seconds).toBeLessThan(1)
})
