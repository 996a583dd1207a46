// How the end of a run is cut: whatever is known of the portal, there is a plan, and it is kept.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutBatch, plannedEnd, type Supply } from '../../server/core/speed/cut.ts'

const supply = (): fc.Arbitrary<Supply> =>
  fc.record({
    left: fc.integer({ min: 1, max: 300 }),
    free: fc.double({ min: 0, max: 50, noNaN: true }),
    rate: fc.double({ min: 0.1, max: 100, noNaN: true }),
    perCommand: fc.oneof(fc.constant(1e-6), fc.double({ min: 1e-6, max: 30, noNaN: true })),
    idleIn: fc
      .array(fc.double({ min: 0, max: 60, noNaN: true }), { minLength: 1, maxLength: 48 })
      .map(times => times.sort((one, other) => one - other)),
    requestSeconds: fc.constantFrom(0.6, 2, 60),
    grain: fc.constantFrom(1, 2)
  })

test('every portal gets batches that it may have, also one whose commands take nearly as long as a request may', () => {
  fc.assert(
    fc.property(supply(), input => {
      const { size, cap } = cutBatch(input)
      expect(Number.isInteger(size)).toBe(true)
      expect(size).toBeGreaterThanOrEqual(1)
      expect(size).toBeLessThanOrEqual(Math.min(cap, 50))
    }),
    { numRuns: 2000 }
  )
})

test('what is planned can be done: so many requests of 50 carry all rows', () => {
  fc.assert(
    fc.property(supply(), input => {
      const end = plannedEnd(input)
      if (end === undefined) return
      expect(end.seconds).toBeLessThan(Number.POSITIVE_INFINITY)
      expect(end.seconds).toBeGreaterThanOrEqual((input.left * input.perCommand) / input.idleIn.length)
      expect(end.requests * 50).toBeGreaterThanOrEqual(input.left)
    }),
    { numRuns: 2000 }
  )
})
