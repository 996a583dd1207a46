// How long commands took, by time blocks whose start is cut to whole seconds.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { secondsOf } from '../../server/bitrix24/seconds.ts'

/** The `time` blocks of commands that took so long, one after another from `start` on, as portals have sent them since the end of 2025. */
const toldBy = (start: number, seconds: readonly number[]) => {
  let at = start
  return seconds.map(each => {
    const begun = at
    at += each
    return { duration: at - Math.floor(begun), finish: at }
  })
}
const seconds = fc.double({ min: 0.001, max: 5, noNaN: true })
const start = fc.double({ min: 1_780_000_000, max: 1_780_000_060, noNaN: true })

test('commands of a batch take what lies between their ends, whatever their durations say', () => {
  fc.assert(
    fc.property(start, fc.array(seconds, { minLength: 2, maxLength: 50 }), (begun, took) => {
      const found = secondsOf(toldBy(begun, took), 10_000)
      for (const [index, each] of took.entries()) if (index > 0) expect(found[index]).toBeCloseTo(each, 4)
      const rest = took.slice(1)
      expect(found[0]).toBeCloseTo(rest.reduce((sum, each) => sum + each, 0) / rest.length, 4)
    })
  )
})

test('one command alone takes no longer than what went by here, and is at most half a second off', () => {
  fc.assert(
    fc.property(start, seconds, fc.double({ min: 0, max: 0.5, noNaN: true }), (begun, took, way) => {
      const [found = -1] = secondsOf(toldBy(begun, [took]), took + way)
      expect(found).toBeLessThanOrEqual(took + way + 1e-6)
      expect(Math.abs(found - took)).toBeLessThanOrEqual(0.5 + 1e-6)
    })
  )
})

test('a clock of the portal that is set meanwhile makes no command longer than the request', () => {
  expect(
    secondsOf(
      [
        { duration: 1, finish: 100 },
        { duration: 1, finish: 4000 }
      ],
      2
    )
  ).toEqual([1, 1])
  expect(
    secondsOf(
      [
        { duration: 1, finish: 100 },
        { duration: 1, finish: 50 }
      ],
      2
    )
  ).toEqual([0, 0])
})

test('where no end is told, durations are all there is', () => {
  expect(secondsOf([{ duration: 0.2, finish: undefined }], 10)).toEqual([0.1])
  expect(secondsOf([], 10)).toEqual([])
})
