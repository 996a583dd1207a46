// Speed and time left as people read them.
// Must stay true: no number before there is something to measure; time left never reads shorter than it is.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSpeed, roundSpeed, timeLeft } from '../../placement/pace-shown.ts'

test('says nothing about speed within the first second', () => {
  const speed = createSpeed()
  expect(speed.perSecond()).toBeNull()
  speed.add(0, 0)
  speed.add(900, 500)
  expect(speed.perSecond()).toBeNull()
})

test('measures the last ten seconds, not the whole run', () => {
  const speed = createSpeed()
  for (let at = 0; at <= 60_000; at += 500) speed.add(at, at <= 30_000 ? at : 30_000 + (at - 30_000) / 100)
  expect(speed.perSecond()).toBeCloseTo(10)
})

test('rounds a speed to what is worth reading', () => {
  expect([0.04, 0.44, 7.46, 41.7].map(roundSpeed)).toEqual([0, 0.4, 7.5, 42])
})

test('time left changes its unit where the number gets long', () => {
  expect([0, 12.2, 90, 91, 5400, 5401, 36_000].map(timeLeft)).toEqual([
    { unit: 'seconds', seconds: 0 },
    { unit: 'seconds', seconds: 13 },
    { unit: 'seconds', seconds: 90 },
    { unit: 'minutes', minutes: 2 },
    { unit: 'minutes', minutes: 90 },
    { unit: 'hours', hours: 1, minutes: 31 },
    { unit: 'hours', hours: 10, minutes: 0 }
  ])
})

test('time left never reads shorter than it is, nor more than a minute longer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), seconds => {
      const left = timeLeft(seconds)
      const read =
        left.unit === 'seconds'
          ? left.seconds
          : left.unit === 'minutes'
            ? left.minutes * 60
            : left.hours * 3600 + left.minutes * 60
      expect(read).toBeGreaterThanOrEqual(seconds)
      expect(read).toBeLessThan(seconds + 60)
    })
  )
})
