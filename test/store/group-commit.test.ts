// How writes share transactions, on both engines.
// Must stay true: transactions are counted, never timed.
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { LeaseLost } from '../../server/core/run/journal.ts'
import type { Database } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { batchesOf, commitOf, engines, openAt, openRun, sent, snapshotOf, type Write } from '../support/stores.ts'

/** The same database, counting the transactions that are begun. */
const counting = (db: Database): { db: Database; begun: () => number } => {
  let begun = 0
  const counted = new Proxy(db, {
    get(target, key) {
      if (key === 'transaction') begun += 1
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
  return { db: counted, begun: () => begun }
}

const leaseRow = (portalId: string): Write => {
  return async tx => {
    await tx.insertInto('lease').values({ portal_id: portalId, owner: '', fence: 0, expires_at: 0 }).execute()
  }
}
const leaseRows = async (db: Database): Promise<string[]> =>
  (await db.selectFrom('lease').select('portal_id').orderBy('portal_id').execute()).map(row => row.portal_id)

describe.each(engines)('group commit on $name', ({ name, fresh, failure: code }) => {
  test('writes appends of one turn in one transaction and acknowledges them in call order', async () => {
    const { db, lease } = await openRun(await fresh())
    const counted = counting(db)
    const journal = createJournal(counted.db)
    const order: number[] = []
    const calls = Array.from({ length: 50 }, (_, index) =>
      journal.append(lease, 'run', [sent(index)], snapshotOf('run', index)).then(() => order.push(index))
    )
    await Promise.all(calls)
    expect(counted.begun()).toBe(1)
    expect(order).toEqual([...order.keys()])
    expect(order.length).toBe(50)
    expect(await batchesOf(db)).toEqual(order)
  })

  test('gathers what arrives while a transaction is under way for the next one', async () => {
    const counted = counting(await openAt(await fresh()))
    const commit = commitOf(counted.db)
    const late: Promise<void>[] = []
    await commit(async tx => {
      late.push(commit(leaseRow('b')), commit(leaseRow('c')), commit(leaseRow('d')))
      await leaseRow('a')(tx)
    })
    await Promise.all(late)
    expect(counted.begun()).toBe(2)
    expect(await leaseRows(counted.db)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('rejects exactly the calls that fail, in their place, and writes the others', async () => {
    const { db, journal, lease } = await openRun(await fresh())
    const stale = { ...lease, fence: lease.fence - 1 }
    const settled: string[] = []
    const append = (batch: number, by = lease, run = 'run'): Promise<unknown> =>
      journal.append(by, run, [sent(batch)], snapshotOf('run', batch)).then(
        () => settled.push(`${batch} written`),
        error => settled.push(`${batch} ${error instanceof LeaseLost ? 'lease lost' : error.code}`)
      )
    await Promise.all([append(1), append(2, stale), append(3), append(4, lease, 'no run'), append(5)])
    expect(settled).toEqual(['1 written', '2 lease lost', '3 written', '4 NOT_FOUND', '5 written'])
    expect(await batchesOf(db)).toEqual([1, 3, 5])
    expect((await journal.find('run'))?.snapshot.done).toBe(5)
  })

  test('does not try again what failed in its commit, because nobody knows what became of it', async () => {
    const counted = counting(await openAt(await fresh()))
    const commit = commitOf(counted.db)
    // The engines check a deferred reference when they commit.
    const defer =
      name === 'SQLite'
        ? sql`pragma defer_foreign_keys = on`
        : sql`alter table run_event alter constraint run_event_run_id_fkey deferrable initially deferred`
    const results = await Promise.allSettled([
      commit(leaseRow('a')),
      commit(async tx => {
        await defer.execute(tx)
        await tx.insertInto('run_event').values({ run_id: 'no run', seq: 1, event: '{}' }).execute()
      })
    ])
    expect(results).toMatchObject([{ reason: { code } }, { reason: { code } }])
    expect(counted.begun()).toBe(1)
    expect(await leaseRows(counted.db)).toEqual([])
    await commit(leaseRow('b'))
    expect(await leaseRows(counted.db)).toEqual(['b'])
  })

  test('lets timers and sockets have their turn between transactions', async () => {
    const commit = commitOf(await openAt(await fresh()))
    let elsewhere = false
    const chain: Promise<void>[] = []
    /** Calls the next write while its own transaction is under way, so that one always waits. */
    const link: Write = async () => {
      if (chain.length === 1) {
        setImmediate(() => {
          elsewhere = true
        })
      }
      if (!elsewhere && chain.length < 1000) chain.push(commit(link))
    }
    chain.push(commit(link))
    for (const each of chain) await each // grows meanwhile
    expect(elsewhere).toBe(true)
  })

  test('rejects every call after the database was closed', async () => {
    const db = await openAt(await fresh())
    const commit = commitOf(db)
    await commit(leaseRow('a'))
    await db.destroy()
    const results = await Promise.allSettled([commit(leaseRow('b')), commit(leaseRow('c'))])
    expect(results).toMatchObject([{ reason: { code } }, { reason: { code } }])
  })
})
