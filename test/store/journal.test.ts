// What a run remembers, on both engines.
// Must stay true: every case runs on SQLite and on PostgreSQL.
import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { LeaseLost } from '../../server/core/run/journal.ts'
import type { RunEvent } from '../../server/core/run/run.ts'
import { createJournal } from '../../server/store/journal.ts'
import { batchesOf, engines, leasesOf, openAt, openRun, runOf, sent, snapshotOf, take } from '../support/stores.ts'

const count = (length: number, from = 1): number[] => Array.from({ length }, (_, index) => from + index)

const collect = async (events: AsyncIterable<RunEvent>): Promise<RunEvent[]> => {
  const all: RunEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

describe.each(engines)('a journal on $name', ({ fresh, failure }) => {
  test('keeps runs, their events in order and the newest snapshot across a restart', async () => {
    const storage = await fresh()
    const before = await openAt(storage)
    const journal = createJournal(before)
    const lease = await take(before)
    const started: RunEvent = { type: 'run.started', at: 1, operation: runOf('run').operation, total: 200 }
    await journal.create(lease, runOf('run'), [started])
    await journal.append(lease, 'run', [sent(1), sent(2)], snapshotOf('run', 2))
    await journal.append(lease, 'run', [sent(3)], snapshotOf('run', 3, 'cancelled'))
    await before.destroy()

    const after = createJournal(await openAt(storage))
    expect(await collect(after.events('run'))).toEqual([started, sent(1), sent(2), sent(3)])
    expect(await after.find('run')).toEqual({ ...runOf('run'), snapshot: snapshotOf('run', 3, 'cancelled') })
  })

  test('knows nothing of runs that it was never told of', async () => {
    const journal = createJournal(await openAt(await fresh()))
    expect(await journal.find('run')).toBeUndefined()
    expect(await collect(journal.events('run'))).toEqual([])
    expect(await journal.list('portal', 50)).toEqual([])
    expect(await journal.unfinished()).toEqual([])
  })

  test('lists the runs of a portal newest first, and the unfinished ones of all portals', async () => {
    const db = await openAt(await fresh())
    const journal = createJournal(db)
    const here = await take(db, 'here')
    const there = await take(db, 'there')
    for (const [id, at] of [['b', 2000] as const, ['a', 1000] as const, ['c', 3000] as const, ['d', 3000] as const]) {
      await journal.create(here, runOf(id, 'here', at), [])
    }
    await journal.create(there, runOf('e', 'there', 500), [])
    await journal.append(here, 'b', [], snapshotOf('b', 200, 'completed'))
    expect((await journal.list('here', 3)).map(({ id }) => id)).toEqual(['d', 'c', 'b'])
    expect((await journal.list('there', 3)).map(({ id }) => id)).toEqual(['e'])
    expect((await journal.unfinished()).map(({ id }) => id)).toEqual(['e', 'a', 'c', 'd'])
  })

  test('finds the first retry of a run, also where it was stored before retries were looked for', async () => {
    const storage = await fresh()
    const { db, journal, lease } = await openRun(storage)
    expect(await journal.retriedBy('run')).toBeUndefined()
    const retry = (id: string, at: number) => {
      const run = runOf(id, 'portal', at)
      return { ...run, operation: { ...run.operation, retryOf: 'run' } }
    }
    for (const run of [retry('late', 2000), retry('early', 1000)]) await journal.create(lease, run, [])
    expect([await journal.retriedBy('run'), await journal.retriedBy('early')]).toEqual(['early', undefined])

    for (const index of ['run_by_retry', 'run_by_keeping']) await sql`drop index ${sql.ref(index)}`.execute(db)
    for (const column of ['retry_of', 'ended_at', 'first_seq', 'keeping', 'recount_due'])
      await sql`alter table run drop column ${sql.ref(column)}`.execute(db)
    await db.deleteFrom('kysely_migration').where('name', '>=', '004-retries').execute()
    const after = createJournal(await openAt(storage))
    expect([await after.retriedBy('run'), await after.retriedBy('early')]).toEqual(['early', undefined])
  })

  test('numbers the events of each run without gaps, whoever appends at the same moment', async () => {
    const db = await openAt(await fresh())
    const journal = createJournal(db)
    const lease = await take(db)
    const sizes = fc.array(fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.nat(4)), { maxLength: 40 })
    let round = 0
    await fc.assert(
      fc.asyncProperty(sizes, async appends => {
        round += 1
        const idOf = (name: string): string => `${name}${round}`
        for (const name of ['x', 'y', 'z']) await journal.create(lease, runOf(idOf(name)), [sent(0)])
        const calls = appends.map(([name, size], index) =>
          journal.append(
            lease,
            idOf(name),
            count(size).map(part => sent(index + 1, part)),
            snapshotOf(idOf(name), index)
          )
        )
        await Promise.all(calls)
        for (const name of ['x', 'y', 'z']) {
          const expected = appends.flatMap(([to, size], index) =>
            to === name ? count(size).map(part => sent(index + 1, part)) : []
          )
          expect(await collect(journal.events(idOf(name)))).toEqual([sent(0), ...expected])
          const rows = await db.selectFrom('run_event').select('seq').where('run_id', '=', idOf(name)).execute()
          expect(rows.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(count(expected.length + 1))
        }
      }),
      { numRuns: 15 }
    )
  })

  test('reads a long run page by page, and does not hold up writers meanwhile', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    await journal.append(
      lease,
      'run',
      count(1200).map(batch => sent(batch)),
      snapshotOf('run')
    )
    const seen: number[] = []
    for await (const event of journal.events('run')) {
      if ('batch' in event) seen.push(event.batch)
      // Between two events a write goes through, and a reader that has not come so far sees it.
      if (seen.length === 1) await journal.append(lease, 'run', [sent(1201)], snapshotOf('run'))
    }
    expect(seen).toEqual(count(1201))
    for await (const _ of journal.events('run')) break // a reader may leave
    expect((await batchesOf(db)).length).toBe(1201)
  })

  test('stores as many events at once as a run may need', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    await journal.append(
      lease,
      'run',
      count(25_000).map(batch => sent(batch)),
      snapshotOf('run')
    )
    expect(await batchesOf(db)).toEqual(count(25_000))
  })

  test('refuses a second run of the same name, and events of a run that is not on the portal', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    await expect(journal.create(lease, runOf('run'), [sent(1)])).rejects.toMatchObject({ code: failure })
    await expect(journal.append(lease, 'no run', [sent(1)], snapshotOf('no run'))).rejects.toMatchObject({
      code: 'NOT_FOUND'
    })
    const other = await take(db, 'other portal')
    await expect(journal.append(other, 'run', [sent(1)], snapshotOf('run', 9))).rejects.toMatchObject({
      code: 'NOT_FOUND'
    })
    expect(await batchesOf(db)).toEqual([])
    expect((await journal.find('run'))?.snapshot.done).toBe(0)
  })

  test('takes nothing from a process whose lease is over', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    const nobody = { ...lease, portalId: 'never leased' }
    await expect(journal.create(nobody, runOf('new', 'never leased'), [])).rejects.toThrow(LeaseLost)
    const next = await take(db, 'portal', { owner: 'there:1:second', now: () => 2_000_000 })
    await expect(journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))).rejects.toThrow(LeaseLost)
    await expect(journal.create(lease, runOf('new'), [sent(1)])).rejects.toThrow(LeaseLost)
    await journal.append(next, 'run', [sent(2)], snapshotOf('run', 2))
    expect(await batchesOf(db)).toEqual([2])
    expect((await journal.find('run'))?.snapshot.done).toBe(2)
    expect(await journal.find('new')).toBeUndefined()

    await leasesOf(db).release(next)
    await expect(journal.append(next, 'run', [sent(3)], snapshotOf('run', 3))).rejects.toThrow(LeaseLost)
  })

  test('says which row is damaged', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    await journal.append(lease, 'run', [sent(1), sent(2)], snapshotOf('run'))
    const damage = async (event: string): Promise<void> => {
      await db.updateTable('run_event').set({ event }).where('seq', '=', 2).execute()
    }
    await damage('{"type":"batch.se')
    await expect(collect(journal.events('run'))).rejects.toThrow('Event 2 of run run is damaged')
    await damage('null')
    await expect(collect(journal.events('run'))).rejects.toThrow('Event 2 of run run is damaged')
    await damage('{"type":"toString"}')
    await expect(collect(journal.events('run'))).rejects.toThrow('Event 2 of run run has an unknown type')
    await sql`update run set snapshot = ''`.execute(db)
    await expect(journal.find('run')).rejects.toThrow('The snapshot of run run is damaged')
    await expect(journal.list('portal', 50)).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' })
  })

  test('leaves a damaged run out of the unfinished ones, says so once, and finds the others', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    await journal.create(lease, runOf('whole'), [])
    await sql`update run set snapshot = '' where id = 'run'`.execute(db)
    const said: unknown[] = []
    const { unfinished } = createJournal(db, error => said.push(error))
    for (let look = 0; look < 2; look += 1) expect((await unfinished()).map(({ id }) => id)).toEqual(['whole'])
    expect(said).toMatchObject([{ code: 'STORAGE_DAMAGED', message: expect.stringContaining('run run is damaged') }])
  })

  test('says so when it cannot be read', async () => {
    const { db, journal } = await openRun(await fresh())
    await db.destroy()
    const refused = { code: failure, cause: expect.anything() }
    await expect(journal.find('run')).rejects.toMatchObject(refused)
    await expect(journal.list('portal', 50)).rejects.toMatchObject(refused)
    await expect(journal.unfinished()).rejects.toMatchObject(refused)
    await expect(collect(journal.events('run'))).rejects.toMatchObject(refused)
  })
})
