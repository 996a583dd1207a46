// A live run: snapshots are made for those who look, at most ten a second for all watchers together.
import { expect, test } from 'vitest'
import { createLiveRun } from '../../server/core/run/live-run.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

const snapshotOf = (done: number): RunSnapshot => ({ done }) as RunSnapshot // nothing else is looked at here
const patient = new AbortController().signal

test('a snapshot that nobody looks at is not made', async () => {
  const live = createLiveRun(snapshotOf(0), createVirtualClock())
  const made: number[] = []
  for (let done = 1; done <= 5; done += 1) {
    live.show(() => {
      made.push(done)
      return snapshotOf(done)
    })
  }
  expect(made).toEqual([])
  expect(live.current()).toBe(live.current())
  expect(live.current().done).toBe(5)
  expect(made).toEqual([5])
})

test('watchers get the same snapshot, at most ten a second, and the last one at once', async () => {
  const clock = createVirtualClock()
  const start = clock.now()
  const live = createLiveRun(snapshotOf(0), clock)
  let made = 0
  const seen: { at: number; snapshot: RunSnapshot }[][] = [[], [], []]
  const watchers = seen.map(async (mine, index) => {
    await clock.sleep(index * 30)
    for (let last: RunSnapshot | undefined; last?.done !== 1000; ) {
      const snapshot = await live.newer(last, patient)
      if (snapshot !== last) mine.push({ at: clock.now() - start, snapshot })
      last = snapshot
    }
  })
  let over = false
  void Promise.all(watchers).then(() => {
    over = true
  })
  void (async () => {
    for (let done = 1; done < 1000; done += 1) {
      await clock.sleep(1)
      live.show(() => {
        made += 1
        return snapshotOf(done)
      })
    }
    live.show(() => snapshotOf(1000))
    live.end()
  })()
  await clock.runUntil(() => over)
  expect(made).toBeLessThanOrEqual(11)
  for (const mine of seen) {
    expect(mine.at(-1)?.at).toBe(999)
    const gaps = mine.slice(1, -1).map(({ at }, index) => at - (mine[index]?.at ?? 0))
    expect(gaps.length).toBeGreaterThan(3)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100)
  }
})

test('whoever leaves is not kept waiting, and nothing waits to tell them', async () => {
  const clock = createVirtualClock()
  let timers = 0
  const live = createLiveRun(snapshotOf(0), {
    ...clock,
    sleep(ms, signal) {
      timers += 1
      return clock.sleep(ms, signal)
    }
  })
  const leaving = new AbortController()
  const waiting = live.newer(live.current(), leaving.signal)
  leaving.abort()
  expect((await waiting).done).toBe(0)
  live.show(() => snapshotOf(1))
  expect(timers).toBe(0)
})
