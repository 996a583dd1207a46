// What happens when storage stops taking writes while it is open.
// Must stay true: a write that was refused left nothing behind, and the store goes on when there is room again.
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { freshDir } from '../support/fresh-dir.ts'
import { batchesOf, engines, openRun, sent, snapshotOf } from '../support/stores.ts'

const many = (batch: number) => Array.from({ length: 2000 }, (_, part) => sent(batch, part))

describe('a full disk', () => {
  test('refuses an append with STORAGE_FAILED, keeps nothing of it, and takes the next one when there is room', async () => {
    const { db, journal, lease } = await openRun({ dataDir: freshDir() })
    await journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db)
    await sql`pragma max_page_count = ${sql.lit((rows[0]?.page_count ?? 0) + 1)}`.execute(db)

    const refused = journal.append(lease, 'run', many(2), snapshotOf('run', 2))
    await expect(refused).rejects.toMatchObject({ code: 'STORAGE_FAILED', status: 507 })
    await expect(refused).rejects.toHaveProperty('cause.message', 'database or disk is full')
    expect(await batchesOf(db)).toEqual([1])
    expect((await journal.find('run'))?.snapshot.done).toBe(1)

    await sql`pragma max_page_count = 1000000`.execute(db)
    await journal.append(lease, 'run', many(3), snapshotOf('run', 3))
    expect(await batchesOf(db)).toEqual([1, ...many(3).map(() => 3)])
  })

  test('refuses only what does not fit any more', async () => {
    const { db, journal, lease } = await openRun({ dataDir: freshDir() })
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db)
    await sql`pragma max_page_count = ${sql.lit((rows[0]?.page_count ?? 0) + 1)}`.execute(db)
    const results = await Promise.allSettled([
      journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1)),
      journal.append(lease, 'run', many(2), snapshotOf('run', 2)),
      journal.append(lease, 'run', [sent(3)], snapshotOf('run', 3))
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await batchesOf(db)).toEqual([1, 3])
  })
})

describe.each(engines)('a store on $name that became read-only', ({ name, fresh, failure }) => {
  test('refuses runs and appends and can still be read', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    await journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
    // PostgreSQL: the setting of the server, for all connections of the pool.
    if (name === 'SQLite') await sql`pragma query_only = on`.execute(db)
    else {
      const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(db)
      await sql`alter database ${sql.id(rows[0]?.name ?? '')} set default_transaction_read_only = on`.execute(db)
      await sql`set default_transaction_read_only = on`.execute(db)
    }
    await expect(journal.append(lease, 'run', [sent(2)], snapshotOf('run', 2))).rejects.toMatchObject({
      code: failure
    })
    expect(await batchesOf(db)).toEqual([1])
    expect((await journal.find('run'))?.snapshot.done).toBe(1)
  })
})
