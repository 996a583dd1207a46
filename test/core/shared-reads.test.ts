// Equal reads of one person: how many of them a portal sees, how fresh they are, and when they end.
import { expect, test } from 'vitest'
import { type Channel, READ_PATIENCE_MS, type Visit } from '../../server/core/channel.ts'
import type { readRecords } from '../../server/core/records.ts'
import { shareReads } from '../../server/core/shared-reads.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

const page = { after: null, limit: 50 }
const rest = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Reads that are answered when the test says so, with their number. */
const open = () => {
  const clock = createVirtualClock()
  const reads: { readonly signal: AbortSignal | undefined; answer(): void }[] = []
  const read = (_channel: unknown, _entity: unknown, _page: unknown, { signal }: Visit = {}) =>
    new Promise(resolve => {
      const total = reads.length + 1
      reads.push({ signal, answer: () => resolve({ items: [], next: null, total }) })
    })
  const shared = shareReads(read as unknown as typeof readRecords, clock)
  const person = (): Channel => ({}) as Channel // only its identity counts
  const totalOf = async (work: Promise<{ total: number }>): Promise<number> => (await work).total
  return { clock, reads, shared, person, totalOf }
}

test('who comes while it is read shares the next one with all who come by then', async () => {
  const { reads, shared, person, totalOf } = open()
  const channel = person()
  const first = totalOf(shared(channel, 'company', page))
  const later = [1, 2, 3].map(() => totalOf(shared(channel, 'company', page)))
  await rest()
  expect(reads).toHaveLength(1)
  reads[0]?.answer()
  expect(await first).toBe(1)
  await rest()
  expect(reads).toHaveLength(2)
  const last = totalOf(shared(channel, 'company', page)) // that one began before him
  reads[1]?.answer()
  expect(await Promise.all(later)).toEqual([2, 2, 2])
  await rest()
  reads[2]?.answer()
  expect(await last).toBe(3)
})

test('other pages and other people are read beside it', async () => {
  const { reads, shared, person } = open()
  const [one, other] = [person(), person()]
  void shared(one, 'company', page)
  void shared(one, 'contact', page)
  void shared(one, 'company', { ...page, after: 7 })
  void shared(one, 'company', { ...page, order: 'newest' })
  void shared(other, 'company', page)
  await rest()
  expect(reads).toHaveLength(5)
})

test('a read ends when the last of its readers leaves, and whoever leaves is told at once', async () => {
  const { reads, shared, person } = open()
  const channel = person()
  const visitors = [new AbortController(), new AbortController()] as const
  const first = shared(channel, 'company', page, visitors[0].signal)
  const behind = [0, 1].map(() => shared(channel, 'company', page, visitors[1].signal))
  await rest()
  visitors[1].abort()
  for (const each of behind) await expect(each).rejects.toMatchObject({ code: 'VISITOR_LEFT' })
  expect(reads[0]?.signal?.aborted).toBe(false)
  visitors[0].abort()
  await expect(first).rejects.toMatchObject({ code: 'VISITOR_LEFT' })
  expect(reads[0]?.signal?.aborted).toBe(true)
  // Nobody waits for a read that was given up.
  void shared(channel, 'company', page)
  await rest()
  expect(reads).toHaveLength(2)
})

test('one of two readers who leaves takes nothing from the other', async () => {
  const { reads, shared, person, totalOf } = open()
  const channel = person()
  const leaving = new AbortController()
  void shared(channel, 'company', page)
  const gone = shared(channel, 'company', page, leaving.signal)
  const stays = totalOf(shared(channel, 'company', page, new AbortController().signal))
  leaving.abort()
  await expect(gone).rejects.toMatchObject({ code: 'VISITOR_LEFT' })
  await rest()
  reads[0]?.answer()
  await rest()
  reads[1]?.answer()
  expect(await stays).toBe(2)
})

test('behind a read that does not end nobody waits longer than some seconds', async () => {
  const { clock, shared, person } = open()
  const channel = person()
  void shared(channel, 'company', page)
  const waits = shared(channel, 'company', page)
  let failure: unknown
  waits.catch(error => {
    failure = error
  })
  await clock.runUntil(() => failure !== undefined)
  expect(failure).toMatchObject({ code: 'PORTAL_SLOW', status: 503 })
  expect(clock.steady()).toBe(READ_PATIENCE_MS)
})
