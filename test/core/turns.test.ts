// Turns: a crowd is served in groups, one a turn of the event loop, in the order in which it came.
import { expect, test } from 'vitest'
import { createTurns } from '../../server/core/turns.ts'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('so many are served at once, the others in later turns, first come, first served', async () => {
  const turn = createTurns(2)
  const served: number[] = []
  for (let who = 1; who <= 5; who += 1) void turn().then(() => served.push(who))
  await Promise.resolve()
  expect(served).toEqual([1, 2])
  const seen: number[] = []
  while (served.length < 5) {
    await nextTurn()
    seen.push(served.length)
  }
  expect(Math.max(...seen.map((count, index) => count - (seen[index - 1] ?? 2)))).toBeLessThanOrEqual(2)
  expect(served).toEqual([1, 2, 3, 4, 5])
  await nextTurn()
  await nextTurn()
  void turn().then(() => served.push(6))
  await Promise.resolve()
  expect(served.at(-1)).toBe(6)
})
