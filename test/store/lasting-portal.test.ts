// A webhook's portal gets the name of the installation on the same host, on both engines.
import { describe, expect, test } from 'vitest'
import { type Installation, Tokens } from '../../server/core/installation.ts'
import type { Portal } from '../../server/core/portal.ts'
import type { Leases } from '../../server/core/run/journal.ts'
import type { Database } from '../../server/store/database.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createLastingPortal } from '../../server/store/lasting-portal.ts'
import { createVault } from '../../server/store/vault.ts'
import { engines, leasesOf, openAt, runOf, take } from '../support/stores.ts'

const HOST = 'portal.bitrix24.com'
const [MEMBER, NEWER] = ['a'.repeat(32), 'b'.repeat(32)]

const webhook = (id = HOST): Portal => ({ id, host: HOST, execute: () => Promise.reject(new Error('not asked')) })
const lasting = (db: Database, owner = 'here:1:first', portal = webhook()) =>
  createLastingPortal(db, leasesOf(db, { owner }), portal)

const install = (db: Database, memberId: string, change: Partial<Installation> = {}): Promise<void> =>
  createInstallations(db, createVault('s'.repeat(32))).save(
    {
      ...{ memberId, origin: `https://${HOST}`, authorization: 'https://oauth.bitrix.info', applicationToken: null },
      ...{ scope: ['crm'], status: 'active', boundTo: null, installedAt: 1, lastEventAt: 0 },
      ...change
    },
    new Tokens('1', 'access-token', 'refresh-token', 2)
  )
const store = async (db: Database, id: string, portalId: string): Promise<void> => {
  const lease = await take(db, portalId, { owner: 'here:9:writer' })
  await createJournal(db).create(lease, runOf(id, portalId), [])
  await leasesOf(db, { owner: 'here:9:writer' }).release(lease)
}
const idsAt = async (db: Database, portalId: string): Promise<string[]> =>
  (await createJournal(db).list(portalId, 9)).map(({ id }) => id)

describe.each(engines)('$name', ({ fresh }) => {
  test('it is its host, until an installation tells more; then its runs go along, and those of other portals do not', async () => {
    const db = await openAt(await fresh())
    await store(db, 'mine', HOST)
    await store(db, 'foreign', 'other.bitrix24.com')
    await install(db, NEWER, { origin: 'https://other.bitrix24.de' })
    const [first, second] = [lasting(db), lasting(db, 'here:2:second')]
    await first.settle()
    expect(first.portal.id).toBe(HOST)
    await install(db, MEMBER)
    for (const { portal, settle } of [first, second]) {
      await settle()
      expect(portal.id).toBe(MEMBER)
    }
    expect([await idsAt(db, MEMBER), await idsAt(db, HOST)]).toEqual([['mine'], []])
    expect(await idsAt(db, 'other.bitrix24.com')).toEqual(['foreign'])
    expect(await first.leases.acquire(HOST)).toBeNull()
    expect(await first.leases.acquire(MEMBER)).not.toBeNull()
  })

  test('a run under the old name keeps it, and keeps everyone from beginning under the new one', async () => {
    const db = await openAt(await fresh())
    const { portal, settle, leases } = lasting(db)
    const running = await leases.acquire(HOST)
    await install(db, MEMBER)
    await settle()
    expect([portal.id, await leases.acquire(MEMBER), await leases.acquire(HOST)]).toEqual([HOST, null, null])
    if (running !== null) await leases.release(running)
    expect(await leases.acquire(MEMBER)).not.toBeNull()
    expect(portal.id).toBe(MEMBER)
  })

  test.each([HOST, MEMBER])('an installation between the look and the taking is seen: nobody gets %s', async name => {
    const db = await openAt(await fresh())
    const other = lasting(db, 'here:2:second')
    let told = false
    const plain = leasesOf(db)
    const late: Leases = {
      ...plain,
      async acquire(portalId) {
        if (!told) {
          told = true
          // Under the old name the other one goes on meanwhile; under the new one it may begin.
          if (name === MEMBER) await other.leases.acquire(HOST)
          await install(db, MEMBER)
          await other.settle()
        }
        return plain.acquire(portalId)
      }
    }
    const { leases, portal } = createLastingPortal(db, late, webhook())
    expect(await leases.acquire(name)).toBeNull()
    const free = name === HOST ? MEMBER : 'another portal'
    expect(await leases.acquire(free)).not.toBeNull()
    expect(portal.id).toBe(name === HOST ? MEMBER : HOST)
    // What was taken for a moment was given back.
    expect((await take(db, name, { owner: 'here:3:third' })).portalId).toBe(name)
  })

  test('the newest installation counts, also a removed one', async () => {
    const db = await openAt(await fresh())
    await install(db, MEMBER, { installedAt: 1 })
    await install(db, NEWER, { installedAt: 2, status: 'deleted' })
    const { portal, settle } = lasting(db)
    await settle()
    expect(portal.id).toBe(NEWER)
  })

  test('a portal that has its own name keeps it', async () => {
    const db = await openAt(await fresh())
    await install(db, MEMBER)
    const { portal, settle, leases } = lasting(db, 'here:1:first', webhook(NEWER))
    await settle()
    expect([portal.id, await leases.acquire(NEWER)]).toEqual([NEWER, expect.anything()])
  })
})
