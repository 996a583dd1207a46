// What answers say of a portal's workers, also where answers come late for reasons of their own.
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../server/core/answer.ts'
import { createLoadCounter } from '../../server/core/load.ts'
import { learnSpeed, seenWorkers, unknownSpeed, workersOf } from '../../server/core/speed.ts'

const COMMAND = 0.01
const answerTo = (rows: number, standing: Omit<Answer, 'reply' | 'rowsInFlight' | 'unexplained'>): Answer => ({
  reply: {
    outcomes: new Map(),
    times: new Map(Array.from({ length: rows }, (_, index) => [`c${index}`, { duration: COMMAND }])),
    duration: rows * COMMAND
  },
  rowsInFlight: rows,
  unexplained: 0,
  ...standing
})

describe('a portal of unknown size', () => {
  test('an answer that comes late, although nothing was answered before it, says nothing of its workers', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.02, abreast: 1, ahead: 0, passed: 0 }))
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.5, abreast: 15, ahead: 14, passed: 0 }))
    expect(workersOf(speed)).toBeUndefined()
    expect(seenWorkers(speed)).toBe(15)
  })

  test('one that waited for older ones to be done says how many there are', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.02, abreast: 1, ahead: 0, passed: 0 }))
    for (let ahead = 1; ahead < 8; ahead += 1)
      learnSpeed(speed, 'create', answerTo(50, { elapsed: 0.5, abreast: ahead + 1, ahead, passed: ahead }))
    learnSpeed(speed, 'create', {
      ...answerTo(2, { elapsed: 0.52, abreast: 8, ahead: 8, passed: 1 }),
      rowsInFlight: 402
    })
    expect(workersOf(speed)).toBe(8)
  })

  test('a crowd of answers does not make it look larger than it is', () => {
    const speed = unknownSpeed()
    learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.02, abreast: 1, ahead: 0, passed: 0 }))
    for (let ahead = 1; ahead < 32; ahead += 1)
      learnSpeed(speed, 'create', answerTo(6, { elapsed: 0.06, abreast: ahead + 1, ahead, passed: 0 }))
    // Eight had to wait; those before the last of them were answered, but not yet heard, when it seemed to begin.
    for (let ahead = 32; ahead < 40; ahead += 1)
      learnSpeed(speed, 'create', {
        ...answerTo(2, { elapsed: 0.1, abreast: ahead - 2, ahead, passed: ahead - 10 }),
        rowsInFlight: 250
      })
    expect(workersOf(speed)).toBe(32)
  })
})

test('one that was late for another reason does not make the workers fewer', () => {
  const speed = unknownSpeed()
  learnSpeed(speed, 'create', answerTo(2, { elapsed: 0.02, abreast: 1, ahead: 0, passed: 0 }))
  const waited = { elapsed: 0.12, abreast: 32, ahead: 32, passed: 1 }
  for (let count = 0; count < 20; count += 1) learnSpeed(speed, 'create', { ...answerTo(6, waited), rowsInFlight: 400 })
  expect(workersOf(speed)).toBe(32)
  // Delivered twice, for example: everything that lay there when it left was answered in the meantime.
  learnSpeed(speed, 'create', { ...answerTo(6, { ...waited, ahead: 5, passed: 5, abreast: 1 }), rowsInFlight: 30 })
  expect(workersOf(speed)).toBe(32)
})

test('a request knows how many lay before it, and how many of them were answered before it began', () => {
  const load = createLoadCounter()
  const first = load.occupy(50, 0)
  const second = load.occupy(50, 0)
  const third = load.occupy(2, 0)
  expect(first.answered(500, 0.5)).toMatchObject({ ahead: 0, passed: 0 })
  expect(third.answered(540, 0.02)).toMatchObject({ abreast: 2, ahead: 2, passed: 1 })
  // The first was answered before, but this one had begun long before that.
  expect(second.answered(560, 0.5)).toMatchObject({ ahead: 1, passed: 0 })
})
