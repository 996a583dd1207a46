// Processes that die and processes that meet, on both engines.
// Must stay true: the dying is real (SIGKILL); its moments come from what the process says, never from a clock.
import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createJournal } from '../../server/store/journal.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { batchesOf, engines, leasesOf, openAt, runOf, take } from '../support/stores.ts'
import { startWriter } from '../support/writer-process.ts'

/** Two at the very beginning, when nothing is there yet. */
const ROUNDS = 12
const EVENTS_OF_A_BATCH = 3
const ENDLESS = 1_000_000

describe.each(engines)('on $name', ({ fresh }) => {
  test('every acknowledged append is there after each of many kills, and none in part', {
    timeout: 180_000
  }, async () => {
    const storage = await fresh()
    const run = runOf('run')
    let acknowledged = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const writer = startWriter({ storage, run, batches: ENDLESS })
      const wanted = randomInt(1, 60)
      await writer.until(() => (round < 2 ? writer.lines.length > 0 : writer.acks().length >= wanted))
      writer.kill()
      await writer.ended
      acknowledged = Math.max(acknowledged, ...writer.acks())

      const db = await openAt(storage)
      // A server may still be busy with the last commit of the dead process: taking the portal over waits for it.
      const later = (): number => Date.now() + 3_600_000
      await leasesOf(db).release(await take(db, run.portalId, { now: later }))
      const stored = await batchesOf(db)
      const newest = stored.at(-1) ?? 0
      expect(newest).toBeGreaterThanOrEqual(acknowledged)
      // Each batch whole, in order, once.
      expect(stored).toEqual(
        Array.from({ length: newest * EVENTS_OF_A_BATCH }, (_, index) => 1 + Math.floor(index / EVENTS_OF_A_BATCH))
      )
      const found = await createJournal(db).find('run')
      if (acknowledged > 0) expect(found?.snapshot.done).toBe(newest)
      await db.destroy()
    }
    expect(acknowledged).toBeGreaterThanOrEqual(ROUNDS - 2)
  })

  test('processes that start at the same moment on a new store all get in and all write', {
    timeout: 60_000
  }, async () => {
    const storage = await fresh()
    const names = ['a', 'b', 'c', 'd']
    const writers = names.map(name => startWriter({ storage, run: runOf(name, `portal ${name}`), batches: 150 }))
    await Promise.all(writers.map(writer => writer.ended))
    for (const writer of writers) expect(writer.lines.at(-1)).toBe('done')
    const db = await openAt(storage)
    for (const name of names) {
      expect((await batchesOf(db, name)).length).toBe(150 * EVENTS_OF_A_BATCH)
      expect((await createJournal(db).find(name))?.snapshot.done).toBe(150)
    }
  })
})

test('a disk that takes no more bytes stops a writer with STORAGE_FAILED, and keeps what was acknowledged', {
  timeout: 60_000
}, async () => {
  const storage = { dataDir: freshDir() }
  const writer = startWriter({ storage, run: runOf('run'), batches: ENDLESS }, 512)
  await writer.ended
  const acknowledged = writer.acks().length
  expect(acknowledged).toBeGreaterThan(0)
  expect(writer.lines.filter(line => line.startsWith('failed'))).toContain('failed STORAGE_FAILED')
  const db = await openAt(storage)
  const newest = (await createJournal(db).find('run'))?.snapshot.done
  expect(newest).toBe(acknowledged)
  expect(await batchesOf(db)).toEqual(
    Array.from({ length: acknowledged * EVENTS_OF_A_BATCH }, (_, index) => 1 + Math.floor(index / EVENTS_OF_A_BATCH))
  )
})
