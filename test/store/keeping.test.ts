// What storage keeps of runs that are over, on both engines: less and less, and then nothing.
// Must stay true: every case runs on SQLite and on PostgreSQL; a run that is under way is never touched.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { readRejections } from '../../server/core/run/attempt.ts'
import type { Lease } from '../../server/core/run/journal.ts'
import { createKeeping } from '../../server/core/run/keeping.ts'
import type { RunEvent, RunRecord, RunSnapshot } from '../../server/core/run/run.ts'
import { createArchive } from '../../server/store/archive.ts'
import type { Database } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { pack, unpack } from '../../server/store/packed.ts'
import { anyOperation, anySteps, journalOf } from '../support/any-journal.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { engines, openAt, runOf, snapshotOf, take } from '../support/stores.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-12-01T12:00:00.000Z')

const endedAt = (id: string, at: number, status: RunSnapshot['status'] = 'cancelled'): RunSnapshot => ({
  ...snapshotOf(id, 4, status),
  finishedAt: new Date(at).toISOString()
})
const retryOf = (id: string, earlier: string): RunRecord => {
  const run = runOf(id)
  return { ...run, operation: { ...run.operation, retryOf: earlier } }
}

/** A run of so many batches, one row each; every tenth row is refused. */
const eventsOf = (run: RunRecord, batches: number): RunEvent[] => {
  const events: RunEvent[] = [{ type: 'run.started', at: 1, operation: run.operation, total: 200 }]
  for (let batch = 1; batch <= batches; batch += 1) {
    const none = { returned: {}, unknown: {} }
    const rows = { company: [batch] }
    const refused = { row: batch, entity: 'company' as const, code: 'REJECTED', message: 'Access denied.' }
    events.push({ type: 'batch.sent', at: batch, batch, rows })
    events.push(
      batch % 10 === 0
        ? { type: 'batch.settled', at: batch, batch, ok: {}, ids: {}, rejected: [refused], ...none }
        : { type: 'batch.settled', at: batch, batch, ok: rows, ids: { company: [5000 + batch] }, rejected: [], ...none }
    )
  }
  return events
}
const finished: RunEvent = { type: 'run.finished', at: 9, status: 'cancelled', failure: null }

const openStore = async (db: Database, lease: Lease) => {
  const journal = createJournal(db)
  const archive = createArchive(db)
  const damaged: unknown[] = []
  const clock = { now: () => NOW, steady: () => NOW, sleep: () => Promise.resolve() }
  const keepingFor = (days: number) =>
    createKeeping({ archive, journal, clock, days, onDamaged: error => damaged.push(error) })
  const sweep = (days = 90) => keepingFor(days)(new AbortController().signal)
  /** @param daysAgo undefined: it is running */
  const add = async (run: RunRecord, daysAgo: number | undefined, batches = 4): Promise<void> => {
    const ended = daysAgo !== undefined
    await journal.create(lease, run, eventsOf(run, batches))
    if (ended) await journal.append(lease, run.id, [finished], endedAt(run.id, NOW - daysAgo * DAY))
  }
  const rowsOf = async (runId: string): Promise<number> => {
    const rows = await db.selectFrom('run_event').select('seq').where('run_id', '=', runId).execute()
    return rows.length
  }
  const readAll = async (runId: string): Promise<RunEvent[]> => {
    const all: RunEvent[] = []
    for await (const event of journal.events(runId)) all.push(event)
    return all
  }
  const listed = async (): Promise<string[]> => (await journal.list('portal', 5000)).map(({ id }) => id)
  const stored = async (): Promise<string[]> =>
    (await db.selectFrom('run').select('id').orderBy('id').execute()).map(({ id }) => id)
  return { db, lease, journal, archive, damaged, keepingFor, sweep, add, rowsOf, readAll, listed, stored }
}

test('what is packed comes back as it was', () => {
  fc.assert(
    fc.property(anyOperation, anySteps, fc.array(fc.integer()), (operation, steps, numbers) => {
      const events = journalOf(operation, steps, before => [...before])
      events.push({ type: 'rows.audited', at: 1, rows: { company: numbers, contact: [] }, extras: {} })
      for (const event of events) {
        expect(unpack(JSON.parse(JSON.stringify(pack(event))))).toEqual(event)
        expect(unpack(event)).toEqual(event)
      }
    })
  )
})

describe.each(engines)('keeping on $name', ({ fresh }) => {
  const open = async () => {
    const db = await openAt(await fresh())
    return openStore(db, await take(db))
  }

  test('compacts the journals of runs that ended a day ago, and no others', async () => {
    const { add, sweep, rowsOf, readAll, journal } = await open()
    await add(runOf('old'), 2, 100)
    await add(runOf('fresh'), 0.5, 100)
    await add(runOf('running'), undefined, 100)
    const before = await journal.find('old')
    const rejections = async (runId: string) => {
      const all: unknown[] = []
      for await (const rejection of readRejections(journal, runId)) all.push(rejection)
      return all
    }
    const refused = await rejections('old')
    expect(refused).toHaveLength(10)
    expect(await sweep()).toEqual({ compacted: 1, removed: 0 })
    expect((await readAll('old')).length).toBeLessThan(8)
    expect((await readAll('old')).at(-1)).toMatchObject({ type: 'run.compacted', lastBatch: 100 })
    expect([await journal.find('old'), await rejections('old')]).toEqual([before, refused])
    // What was replaced goes with the next sweep.
    expect(await sweep()).toEqual({ compacted: 0, removed: 0 })
    expect(await rowsOf('old')).toBe((await readAll('old')).length)
    expect([await rowsOf('fresh'), await rowsOf('running')]).toEqual([202, 201])
    expect(await rejections('old')).toEqual(refused)
  })

  test('a run that goes on after its journal was compacted appends to it, and is compacted again later', async () => {
    const { add, sweep, readAll, rowsOf, journal, lease } = await open()
    await add(runOf('run'), 2)
    await sweep()
    const compacted = await readAll('run')
    const more: RunEvent[] = [
      { type: 'run.resumed', at: 10 },
      { type: 'batch.sent', at: 11, batch: 5, rows: { company: [50] } }
    ]
    await journal.append(lease, 'run', more, snapshotOf('run', 4))
    await sweep()
    expect(await readAll('run')).toEqual([...compacted, ...more])
    await journal.append(lease, 'run', [finished], endedAt('run', NOW - 2 * DAY))
    expect((await sweep()).compacted).toBe(1)
    await sweep()
    const again = await readAll('run')
    expect(again.filter(({ type }) => type === 'run.compacted')).toEqual([again.at(-1)])
    expect(again).toContainEqual({ type: 'batch.sent', at: 11, batch: 5, rows: { company: [50] } })
    expect(await rowsOf('run')).toBe(again.length)
  })

  test('a run that goes on while its journal is being compacted keeps its own', async () => {
    const { add, archive, readAll, journal, lease } = await open()
    await add(runOf('run'), 2)
    const [seen] = await archive.compactable(NOW, 1)
    const before = await readAll('run')
    await journal.append(lease, 'run', [{ type: 'run.resumed', at: 10 }], snapshotOf('run', 4))
    expect(await archive.replace(seen ?? { id: '', lastSeq: 0 }, [])).toBe(false)
    expect(await readAll('run')).toEqual([...before, { type: 'run.resumed', at: 10 }])
  })

  test('whoever is reading a journal when it is compacted reads all of the old one, or is told', async () => {
    const { add, sweep, journal } = await open()
    for (const id of ['told', 'whole']) await add(runOf(id), 2, 600)
    const reader = async (id: string) => {
      const events = journal.events(id)[Symbol.asyncIterator]()
      await events.next()
      const rest = async () => {
        let count = 1
        while (!(await events.next()).done) count += 1
        return count
      }
      return rest
    }
    const whole = await reader('whole')
    const told = await reader('told')
    expect((await sweep()).compacted).toBe(2)
    expect(await whole()).toBe(1202)
    await sweep()
    await expect(told()).rejects.toMatchObject({
      code: 'STORAGE_DAMAGED',
      message: expect.stringContaining('Try again')
    })
  })

  test('removes runs that ended too long ago, in small steps, and never one that is running', async () => {
    const { add, sweep, listed, stored, rowsOf, archive, journal } = await open()
    await add(runOf('a'), 91, 20)
    await add(runOf('b'), 0.5)
    await add({ ...runOf('c'), startedAt: NOW - 400 * DAY }, undefined)
    expect((await sweep()).removed).toBe(1)
    expect(await journal.find('a')).toBeUndefined()
    expect(await listed()).toEqual(['b', 'c'])
    const [before, left] = [await rowsOf('a'), async () => (await stored()).includes('a')]
    expect(await archive.clean(10)).toBe(true)
    expect([before - (await rowsOf('a')), await left()]).toEqual([10, true])
    await sweep()
    expect([await rowsOf('a'), await stored()]).toEqual([0, ['b', 'c']])
  })

  test('keeps all where that is asked for, and still compacts', async () => {
    const { add, sweep, listed } = await open()
    await add(runOf('a'), 4000)
    expect(await sweep(0)).toEqual({ compacted: 1, removed: 0 })
    expect(await listed()).toEqual(['a'])
  })

  test('removes the oldest of more runs than a portal may have', async () => {
    const { add, archive, listed, db, journal } = await open()
    for (let run = 1; run <= 5; run += 1) await add(runOf(`r${run}`, 'portal', run), run === 1 ? undefined : 1)
    const there = await take(db, 'there')
    await journal.create(there, runOf('other', 'there', 1), [])
    expect(await archive.expire(0, 5, 100)).toBe(0)
    expect(await archive.expire(0, 2, 1)).toBe(1)
    expect(await archive.expire(0, 2, 100)).toBe(1)
    // The running one is older, and stays.
    expect(await archive.expire(0, 2, 100)).toBe(0)
    expect(await listed()).toEqual(['r5', 'r4', 'r1'])
    expect((await journal.list('there', 9)).map(({ id }) => id)).toEqual(['other'])
  })

  test('what another run needs of a removed one stays until that is removed too', async () => {
    const { add, sweep, journal, listed, stored, readAll } = await open()
    await add(runOf('a'), 1.5)
    await add(retryOf('b', 'a'), 1.5)
    await add(retryOf('c', 'b'), 1.5)
    const clean = async () => {
      await sweep()
      await sweep()
      return stored()
    }
    // The rows of its first try are in its journal; and who tries the rows of `b` again must hear that `c` has.
    expect(await journal.remove('a')).toBe(true)
    expect(await clean()).toEqual(['a', 'b', 'c'])
    expect((await readAll('a')).length).toBeGreaterThan(1)
    expect(await journal.remove('c')).toBe(true)
    expect(await clean()).toEqual(['a', 'b', 'c'])
    expect([await listed(), await journal.retriedBy('b')]).toEqual([['b'], 'c'])
    expect(await journal.remove('b')).toBe(true)
    expect(await clean()).toEqual([])
  })

  test('a removed run cannot go on, nor be removed twice', async () => {
    const { add, journal, lease, listed } = await open()
    await add(runOf('run'), 1)
    await add(runOf('running'), undefined)
    expect([await journal.remove('run'), await journal.remove('run'), await journal.remove('none')]).toEqual([
      true,
      false,
      false
    ])
    expect(await journal.remove('running')).toBe(false)
    const resumed: RunEvent = { type: 'run.resumed', at: 10 }
    await expect(journal.append(lease, 'run', [resumed], snapshotOf('run'))).rejects.toMatchObject({
      code: 'NOT_FOUND'
    })
    expect(await listed()).toEqual(['running'])
    // It is still known where the next page begins.
    expect((await journal.list('portal', 9, 'running')).map(({ id }) => id)).toEqual([])
    expect((await journal.list('portal', 9, 'run')).map(({ id }) => id)).toEqual([])
    await expect(journal.list('portal', 9, 'none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a damaged journal is left as it is, said once, and keeps no other from being compacted', async () => {
    const { add, db, journal, archive, readAll, damaged } = await open()
    await add(runOf('bad'), 3)
    await add(runOf('good'), 2)
    await db.updateTable('run_event').set({ event: '{' }).where('run_id', '=', 'bad').where('seq', '=', 3).execute()
    const clock = { now: () => NOW, steady: () => NOW, sleep: () => Promise.resolve() }
    const sweep = createKeeping({ archive, journal, clock, days: 90, onDamaged: error => damaged.push(error) })
    for (let turn = 0; turn < 3; turn += 1) await sweep(new AbortController().signal)
    expect((await readAll('good')).at(-1)?.type).toBe('run.compacted')
    expect(damaged).toMatchObject([{ message: expect.stringContaining('Event 3 of run bad is damaged') }])
  })

  test('stops between two steps when the server does', async () => {
    const { add, keepingFor, readAll } = await open()
    for (const id of ['a', 'b']) await add(runOf(id), 2)
    const stop = new AbortController()
    stop.abort()
    expect(await keepingFor(90)(stop.signal)).toEqual({ compacted: 0, removed: 0 })
    expect((await readAll('a')).length).toBe(10)
  })

  test('knows when the runs of an earlier version have ended', async () => {
    const storage = await fresh()
    const db = await openAt(storage)
    const { add } = await openStore(db, await take(db))
    await add({ ...runOf('late'), startedAt: NOW - 400 * DAY }, 1)
    await add({ ...runOf('old'), startedAt: NOW - 400 * DAY }, 100)
    await add({ ...runOf('running'), startedAt: NOW - 400 * DAY }, undefined)
    await sql`drop index run_by_keeping`.execute(db)
    for (const column of ['ended_at', 'first_seq', 'keeping', 'recount_due'])
      await sql`alter table run drop column ${sql.ref(column)}`.execute(db)
    await db.deleteFrom('kysely_migration').where('name', '>=', '005-keeping').execute()
    await db.destroy()

    const after = await openAt(storage)
    const store = await openStore(after, await take(after, 'portal', { now: () => 2_000_000 }))
    expect((await store.readAll('late')).length).toBe(10)
    expect(await store.sweep()).toMatchObject({ removed: 1 })
    expect((await store.listed()).sort()).toEqual(['late', 'running'])
  })
})

describe('the file of the embedded storage', () => {
  const sizeIn = (dataDir: string): number => statSync(join(dataDir, 'bitrixcorp.sqlite')).size
  const fill = async (db: Database) => {
    const store = await openStore(db, await take(db))
    for (let run = 0; run < 20; run += 1) await store.add(runOf(`r${run}`), 100, 600)
    await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db)
    return store
  }

  test.each(['this', 'an earlier'])('shrinks when runs go, also one that %s version made', async version => {
    const dataDir = freshDir()
    let db = await openAt({ dataDir })
    if (version === 'an earlier') {
      await sql`PRAGMA auto_vacuum=NONE`.execute(db)
      await sql`VACUUM`.execute(db)
      await fill(db)
      await db.destroy()
      db = await openAt({ dataDir })
    } else await fill(db)
    const store = await openStore(db, await take(db, 'portal', { now: () => 2_000_000 }))
    await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db)
    const before = sizeIn(dataDir)
    for (let turn = 0; turn < 3; turn += 1) await store.sweep()
    await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db)
    expect(await store.stored()).toEqual([])
    expect(sizeIn(dataDir)).toBeLessThan(before / 3)
  })
})
