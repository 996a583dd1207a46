// The line before one place: who is next, who is turned away, who leaves.
import { expect, test } from 'vitest'
import { createLine } from '../../server/core/line.ts'

const full = (): Error => new Error('full')

/** Somebody who stays until he is told to go. */
const stay = () => {
  let go = (): void => undefined
  const staying = new Promise<void>(resolve => {
    go = resolve
  })
  return { staying, go }
}

test('who has the least time left is next; of equal ones, who came first', async () => {
  const line = createLine(10, full)
  const first = stay()
  const served: string[] = []
  const serve = (name: string, until: number): Promise<void> =>
    line.take(until, undefined, async () => {
      served.push(name)
    })
  const all = [line.take(0, undefined, () => first.staying), serve('late', 9), serve('soon', 5), serve('soon too', 5)]
  first.go()
  await Promise.all(all)
  expect(served).toEqual(['soon', 'soon too', 'late'])
})

test('beyond the length of the line the last are turned away, and the others served', async () => {
  const line = createLine(2, full)
  const first = stay()
  const all = [0, 1, 2, 3, 1].map((until, index) =>
    line.take(until, undefined, () => (index === 0 ? first.staying : Promise.resolve()))
  )
  const settled = Promise.allSettled(all)
  first.go()
  expect((await settled).map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
    'fulfilled'
  ])
})

test('whoever leaves is gone at once, and is not served', async () => {
  const line = createLine(1, full)
  const first = stay()
  const leaving = new AbortController()
  const served: string[] = []
  const serve = (name: string, signal?: AbortSignal): Promise<void> =>
    line.take(1, signal, async () => {
      served.push(name)
    })
  const all = [line.take(0, undefined, () => first.staying), serve('left', leaving.signal)]
  leaving.abort(new Error('gone'))
  await expect(all[1]).rejects.toThrow('gone')
  all.push(serve('next'))
  first.go()
  await Promise.all([all[0], all[2]])
  await expect(serve('left before', leaving.signal)).rejects.toThrow('gone')
  expect(served).toEqual(['next'])
})

test('a failure is the failing one’s alone', async () => {
  const line = createLine(5, full)
  const failing = line.take(0, undefined, () => Promise.reject(new Error('mine')))
  const next = line.take(0, undefined, async () => 'served')
  await expect(failing).rejects.toThrow('mine')
  expect(await next).toBe('served')
})
