// Operating time that was used comes back a window later: nothing of it is lost, nothing comes twice.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSpent } from '../../server/core/speed/spent.ts'

const WINDOW = 600

test('all that is used comes back, soonest first, within a window', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          after: fc.integer({ min: 0, max: 90_000 }),
          seconds: fc.double({ min: 0.01, max: 20, noNaN: true })
        })
      ),
      fc.double({ min: 0, max: 600, noNaN: true }),
      (commands, used) => {
        const spent = createSpent(WINDOW)
        let now = 1_800_000_000_000
        for (const { after, seconds } of commands) {
          now += after
          spent.note(seconds, now)
        }
        const returns = spent.returns(used, 1, now)
        expect(returns.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(used, 6)
        expect(returns.map(({ in: later }) => later)).toEqual(
          returns.map(({ in: later }) => later).sort((a, b) => a - b)
        )
        for (const { in: later } of returns) {
          expect(later).toBeGreaterThan(0)
          expect(later).toBeLessThanOrEqual(WINDOW)
        }
      }
    )
  )
})

test('what others used comes back when the portal says', () => {
  const spent = createSpent(WINDOW)
  spent.note(10, 1_000_000)
  expect(spent.noted(1_100_000)).toBe(10)
  expect(spent.returns(30, 42, 1_100_000)).toEqual([
    { in: 42, seconds: 20 },
    { in: 500, seconds: 10 }
  ])
  expect(spent.noted(1_000_000 + WINDOW * 1000)).toBe(0)
})
