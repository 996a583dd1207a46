// A gate alone: how many are let in together, and in a minute of steady time.
import { expect, test } from 'vitest'
import { createGate } from '../../server/bitrix24/gate.ts'
import { deferred } from '../../server/core/deferred.ts'

const refused = { code: 'TOO_MANY_OPENINGS', status: 429 }

test('lets in so many a minute, and says when the next one may come', async () => {
  let steady = 0
  const gate = createGate({ steady: () => steady }, { together: 2, aMinute: 3, inLine: 5 })
  const done = async () => 'done'
  for (const at of [0, 10_000, 20_000]) {
    steady = at
    expect(await gate(done)).toBe('done')
  }
  steady = 45_500
  await expect(gate(done)).rejects.toMatchObject({ ...refused, retryAfter: 15 })
  steady = 60_000
  expect(await gate(done)).toBe('done')
  await expect(gate(done)).rejects.toMatchObject({ ...refused, retryAfter: 10 })
})

test('works on a few together, the next ones wait in line, and whoever fails leaves too', async () => {
  const gate = createGate({ steady: () => 0 }, { together: 1, aMinute: 100, inLine: 1 })
  const first = deferred<void>()
  const began: string[] = []
  const work = (name: string, until: Promise<void>) => () => {
    began.push(name)
    return until
  }
  const one = gate(work('one', first.promise))
  const two = gate(work('two', Promise.resolve()))
  await expect(gate(work('three', Promise.resolve()))).rejects.toMatchObject(refused)
  expect(began).toEqual(['one'])
  first.reject(new Error('broken'))
  await expect(one).rejects.toThrow('broken')
  await two
  await gate(work('four', Promise.resolve()))
  expect(began).toEqual(['one', 'two', 'four'])
})
