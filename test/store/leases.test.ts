// Who may drive a portal, on both engines.
// Must stay true: time and the life of processes are given, not waited for.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { LeaseLost } from '../../server/core/run/journal.ts'
import { createLeases } from '../../server/store/leases.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { engines, leasesOf, openAt } from '../support/stores.ts'

describe.each(engines)('leases on $name', ({ name, fresh, failure: code }) => {
  test('give a portal to one of all who ask at the same moment', async () => {
    const storage = await fresh()
    const stores = [await openAt(storage), await openAt(storage)]
    const owners = Array.from({ length: 8 }, (_, index) => `host${index}:1:start`)
    const asked = owners.map((owner, index) => {
      const db = stores[index % 2]
      if (db === undefined) throw new Error('there are two stores')
      return leasesOf(db, { owner }).acquire('portal')
    })
    const given = (await Promise.all(asked)).filter(lease => lease !== null)
    expect(given).toMatchObject([{ portalId: 'portal', fence: 1 }])
  })

  test('keep portals apart', async () => {
    const leases = leasesOf(await openAt(await fresh()))
    expect(await leases.acquire('one')).toEqual({ portalId: 'one', owner: 'here:1:first', fence: 1 })
    expect(await leases.acquire('two')).toEqual({ portalId: 'two', owner: 'here:1:first', fence: 1 })
    expect(await leases.acquire('one')).toBeNull()
  })

  test('pass to another machine when they lapse, not before, and never go back', async () => {
    const db = await openAt(await fresh())
    let time = 1_000_000
    const now = (): number => time
    const first = leasesOf(db, { owner: 'here:1:a', now })
    const second = leasesOf(db, { owner: 'there:1:b', now, isAlive: () => false })
    const lease = await first.acquire('portal')
    if (lease === null) throw new Error('the portal is free')
    time += first.ttl - 1
    expect(await second.acquire('portal')).toBeNull()
    await first.renew(lease)
    time += first.ttl - 1
    expect(await second.acquire('portal')).toBeNull()
    time += 1
    const next = await second.acquire('portal')
    expect(next).toEqual({ portalId: 'portal', owner: 'there:1:b', fence: 2 })
    await expect(first.renew(lease)).rejects.toThrow(LeaseLost)
    await first.release(lease) // too late: it is not his any more
    expect(await first.acquire('portal')).toBeNull()
  })

  test('that lapsed are still good while nobody took them', async () => {
    let time = 1_000_000
    const leases = leasesOf(await openAt(await fresh()), { now: () => time })
    const lease = await leases.acquire('portal')
    if (lease === null) throw new Error('the portal is free')
    time += leases.ttl * 10
    await leases.renew(lease)
    expect(await leases.acquire('portal')).toBeNull()
  })

  test('are free at once after a release, under a new fence, and useless to the one who gave them back', async () => {
    const db = await openAt(await fresh())
    const first = leasesOf(db, { owner: 'here:1:a' })
    const lease = await first.acquire('portal')
    if (lease === null) throw new Error('the portal is free')
    await first.release(lease)
    await expect(first.renew(lease)).rejects.toThrow(LeaseLost)
    const next = await leasesOf(db, { owner: 'there:1:b' }).acquire('portal')
    expect(next?.fence).toBe(lease.fence + 1)
  })

  // Machines that share a database may have the same name: two containers of one image, a cloned machine.
  const embedded = name === 'SQLite'
  test.each([
    ['its process on this machine is dead', 'here:7:a', 'here:8:b', [8], embedded],
    ['its process on this machine lives', 'here:7:a', 'here:8:b', [7, 8], false],
    ['it had our own process id before a restart', 'here:1:a', 'here:1:b', [1], embedded],
    ['it is ours', 'here:1:a', 'here:1:a', [1], false],
    ['it is on another machine, whose processes nobody here can see', 'there:7:a', 'here:8:b', [8], false]
  ])('are taken over at once or not: %s', async (_why, holder, next, alive, taken) => {
    const db = await openAt(await fresh())
    await leasesOf(db, { owner: holder }).acquire('portal')
    const lease = await leasesOf(db, { owner: next, isAlive: pid => alive.includes(pid) }).acquire('portal')
    expect(lease).toEqual(taken ? { portalId: 'portal', owner: next, fence: 2, orphaned: true } : null)
  })

  test('count by the clock of the database, whatever the clock of a machine says', async () => {
    const db = await openAt(await fresh())
    const options = { ttl: 15_000, isAlive: () => true }
    const first = createLeases(db, { ...options, owner: 'here:1:a' })
    const lease = await first.acquire('portal')
    if (lease === null) throw new Error('the portal is free')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    onTestFinished(() => void vi.useRealTimers())
    const second = createLeases(db, { ...options, owner: 'there:2:b' })
    expect(await second.acquire('portal')).toBeNull()
    const past = (ms: number) => db.updateTable('lease').set(({ eb }) => ({ expires_at: eb('expires_at', '-', ms) }))
    await past(15_000).execute()
    await first.renew(lease)
    expect(await second.acquire('portal')).toBeNull()
    await past(15_000).execute()
    expect(await second.acquire('portal')).toMatchObject({ owner: 'there:2:b', fence: 2 })
  })

  test('say so when they cannot be written', async () => {
    const db = await openAt(await fresh())
    const leases = leasesOf(db)
    const lease = await leases.acquire('portal')
    if (lease === null) throw new Error('the portal is free')
    await db.destroy()
    const failure = { code, cause: expect.anything() }
    await expect(leases.acquire('portal')).rejects.toMatchObject(failure)
    await expect(leases.renew(lease)).rejects.toMatchObject(failure)
    await expect(leases.release(lease)).rejects.toMatchObject(failure)
  })
})

test('the embedded lease of a dead process goes to one of its successors', async () => {
  const storage = { dataDir: freshDir() }
  const stores = [await openAt(storage), await openAt(storage)]
  await Promise.all(stores.map(db => leasesOf(db, { owner: 'here:7:dead' }).acquire('portal')))
  const asked = stores.flatMap((db, index) =>
    [1, 2].map(pid => leasesOf(db, { owner: `here:${index}${pid}:new`, isAlive: pid => pid !== 7 }).acquire('portal'))
  )
  const given = (await Promise.all(asked)).filter(lease => lease !== null)
  expect(given).toMatchObject([{ portalId: 'portal', fence: 2 }])
})
