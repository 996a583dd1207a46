// What answers say of a portal's workers, also where answers come late for reasons of their own.
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../server/core/speed/answer.ts'
import { createLoadCounter } from '../../server/core/speed/load.ts'
import { learnSpeed, unknownSpeed, workersOf } from '../../server/core/speed/speed.ts'

const COMMAND = 0.01
/** Rows in the batch, seconds until its answer, and how it stood; behind so many rows that it may have waited. */
const answerTo = (
  rows: number,
  standing: Pick<Answer, 'elapsed' | 'least'> & Partial<Pick<Answer, 'most' | 'endedBefore'>>
): Answer => ({
  reply: {
    outcomes: new Map(),
    times: new Map(Array.from({ length: rows }, (_, index) => [`c${index}`, { duration: COMMAND }])),
    duration: rows * COMMAND,
    finishedAt: undefined
  },
  rowsInFlight: 400,
  most: standing.least,
  endedBefore: 0,
  ...standing
})
/** One that met nobody: the way takes a hundredth of a second. */
const alone = answerTo(1, { elapsed: 0.02, least: 1 })

describe('a portal of unknown size', () => {
  test('an answer that comes late, although nothing was answered before it, says nothing of its workers', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', alone)
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.5, least: 15 }))
    expect(workersOf(speed)).toBeUndefined()
    expect(speed.seenWorkers).toBe(15)
  })

  test('one that waited for older ones to be done says how many there are', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', alone)
    for (let least = 2; least <= 8; least += 1) learnSpeed(speed, 'create', answerTo(50, { elapsed: 0.5, least }))
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.52, least: 8, endedBefore: 1 }))
    expect(workersOf(speed)).toBe(8)
  })

  test('and it counts for more than those that met fewer others, and did not wait', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', alone)
    // Of 32 that began together half are answered, when a small one that waited behind them all is.
    for (let least = 2; least <= 16; least += 1) learnSpeed(speed, 'create', answerTo(50, { elapsed: 0.51, least }))
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.4, least: 31, most: 32, endedBefore: 2 }))
    expect(workersOf(speed)).toBe(31)
  })

  test('one that was later than all that lay before it takes did not wait for that', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', alone)
    learnSpeed(speed, 'create', { ...answerTo(2, { elapsed: 0.1, least: 1, endedBefore: 1 }), rowsInFlight: 4 })
    expect(workersOf(speed)).toBeUndefined()
  })

  test('a crowd of answers does not make it look larger than it is', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', alone)
    for (let least = 2; least <= 32; least += 1) learnSpeed(speed, 'create', answerTo(6, { elapsed: 0.07, least }))
    // Eight had to wait. All workers were done at the same moment: who began first is not known.
    for (let nth = 1; nth <= 8; nth += 1)
      learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.1, least: nth, most: 31 + nth, endedBefore: nth }))
    expect(workersOf(speed)).toBeGreaterThanOrEqual(31)
    expect(workersOf(speed)).toBeLessThanOrEqual(32)
  })
})

test('one that was late for another reason does not make the workers fewer', () => {
  const speed = unknownSpeed()
  learnSpeed(speed, 'create', alone)
  for (let count = 0; count < 20; count += 1)
    learnSpeed(speed, 'create', answerTo(6, { elapsed: 0.12, least: 32, endedBefore: 1 }))
  expect(workersOf(speed)).toBe(32)
  // Delivered twice, for example: everything that lay there when it left was answered in the meantime.
  learnSpeed(speed, 'create', answerTo(6, { elapsed: 0.12, least: 1, endedBefore: 5 }))
  expect(workersOf(speed)).toBe(32)
})

describe('a request knows how it stood among the others', () => {
  const known = 0.01
  const work = (duration: number, finishedAt: number) => ({ duration, finishedAt })

  test('also when its answer is late: the portal has a clock of its own', () => {
    const load = createLoadCounter()
    const first = load.occupy(50, 0)
    const second = load.occupy(50, 10)
    const third = load.occupy(2, 20)
    expect(first.answered(500, work(0.5, 77_500), known)).toMatchObject({ endedBefore: 0 })
    // It began when the first was done, beside the second.
    expect(third.answered(700, work(0.02, 77_521), known)).toMatchObject({ least: 2, most: 2, endedBefore: 1 })
    // It had begun long before the first was done.
    expect(second.answered(900, work(0.5, 77_550), known)).toMatchObject({ endedBefore: 0 })
  })

  test('and if all were done at the same moment, between which counts', () => {
    const load = createLoadCounter()
    const places = [0, 10, 20, 30].map(since => load.occupy(10, since))
    for (const place of places.slice(0, 2)) place.answered(150, work(0.1, 100), known)
    expect(places[2]?.answered(250, work(0.1, 201), known)).toMatchObject({ least: 1, most: 2, endedBefore: 2 })
    expect(places[3]?.answered(260, work(0.1, 201), known)).toMatchObject({ least: 2, most: 3, endedBefore: 2 })
  })
})
