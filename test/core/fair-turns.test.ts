// Pages and a run at one request bucket: whoever else comes, and whenever, a run that waits has its turn.
// Must stay true: only the pace decides here; time is a number.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPace, type Traffic } from '../../server/core/speed/pace.ts'

/** Requests of a page that may go before a run that waits has its turn. */
const AHEAD = 4
const RATE = 2

/**
 * A run that wants every request that it can get, and readers who come at some moments (ms after one another) and ask again when they are told.
 * @returns what went, in order, from when the run had to wait
 */
const play = (
  gaps: readonly number[],
  traffic: Traffic,
  burst: number,
  seconds: number,
  readersFirst = true
): Traffic[] => {
  const pace = createPace({ rate: RATE, burst, random: () => 0.5, requestSeconds: 60 })
  const went: Traffic[] = []
  while (pace.free(0, traffic) > 0) pace.reserve(0, traffic)
  pace.runWaits(0, traffic)
  let arrival = 0
  let runAt = pace.nextAt(0, traffic)
  const readers = gaps.map(gap => {
    arrival += gap
    return arrival
  })
  const end = seconds * 1000
  for (let now = 0; now <= end; now = Math.min(runAt, ...readers)) {
    const run = (): void => {
      if (runAt > now) return
      const told = pace.reserve(now, traffic)
      if (told === 0) went.push('run')
      // As the runner does: it asks at once for the next one, and says that it waits when there is none.
      pace.runWaits(now, traffic)
      runAt = told || pace.nextAt(now, traffic)
    }
    if (!readersFirst) run()
    // Whoever is served is followed by another one at once.
    for (const [index, at] of readers.entries()) {
      if (at > now) continue
      const told = pace.reserve(now, 'page')
      if (told === 0) went.push('page')
      readers[index] = told || now + 1
    }
    if (readersFirst) run()
  }
  return went
}

const crowds = fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 60 })

test.each(['run', 'end'] as const)('a waiting %s has at least every second request, whoever else comes', traffic => {
  fc.assert(
    fc.property(crowds, fc.integer({ min: 5, max: 60 }), fc.boolean(), (gaps, burst, readersFirst) => {
      const seconds = 60
      const went = play(gaps, traffic, burst, seconds, readersFirst)
      let pages = 0
      let ofRun = 0
      for (const who of went) {
        if (who === 'page') pages += 1
        else ofRun += 1
        expect(pages).toBeLessThanOrEqual(ofRun + AHEAD)
      }
      // Nothing that the bucket gives back is lost, and half of it is the run's.
      expect(went.length).toBeGreaterThanOrEqual(seconds * RATE * 0.9 - AHEAD)
      expect(ofRun).toBeGreaterThanOrEqual((seconds * RATE) / 2 - AHEAD)
    })
  )
})

test('pages have their share beside a long run, too', () => {
  const went = play([0, 0, 0], 'run', 50, 60)
  expect(went.filter(who => who === 'page').length).toBeGreaterThanOrEqual((60 * RATE) / 2 - AHEAD)
})

test('a run alone gets all that the bucket gives back', () => {
  expect(play([], 'run', 50, 60).length).toBeGreaterThanOrEqual(60 * RATE - 1)
})

test('a run that has ended, or does not come, holds no page up', () => {
  const pace = createPace({ rate: RATE, burst: 50, random: () => 0.5, requestSeconds: 60 })
  while (pace.free(0, 'run') > 0) pace.reserve(0, 'run')
  pace.runWaits(0, 'run')
  let now = 0
  let pages = 0
  for (; now <= 60_000; ) {
    const told = pace.reserve(now, 'page')
    if (told === 0) pages += 1
    else now = told
  }
  expect(pages).toBeGreaterThanOrEqual(60 * RATE - 4)
})
