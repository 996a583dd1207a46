// What a run that stands still says it waits for.
import { expect, test } from 'vitest'
import { describeWaiting, type WaitingInput } from '../../server/core/run/waiting.ts'
import { createPace } from '../../server/core/speed/pace.ts'

const now = 1_000_000
const situation = (change: Partial<WaitingInput>): WaitingInput => ({
  now,
  idle: true,
  ending: false,
  mission: { wants: () => ['crm.company.add'], left: () => 10, choreAt: () => Number.POSITIVE_INFINITY },
  pace: createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds: 60 }),
  quietUntil: 0,
  ...change
})

test('a portal that does not answer is named, however short the pause before the next attempt', () => {
  expect(describeWaiting(situation({ quietUntil: now + 200 }))).toEqual({ until: now + 200, for: 'portal' })
})

test('nothing is said while requests are under way, or nothing holds the run up', () => {
  expect(describeWaiting(situation({ quietUntil: now + 5000, idle: false }))).toBeNull()
  expect(describeWaiting(situation({}))).toBeNull()
})
