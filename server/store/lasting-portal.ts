// A webhook's portal under its lasting name: its host, until an installation on that host tells its `member_id`.
// Must stay true: a portal is driven under one name, whichever way people come; its runs change their name only while none of them is on.

import type { Portal } from '../core/portal.ts'
import type { Leases } from '../core/run/journal.ts'
import type { Database } from './database.ts'
import { orStorageFailure } from './storage-failure.ts'

export interface LastingPortal {
  /** Its `id` may change once. */
  readonly portal: Portal
  /** Takes over the name that an installation has told by now, for stored runs too. @throws {AppError} STORAGE_FAILED, DATABASE_FAILED */
  settle(): Promise<void>
  /** For runs: nobody gets the new name while a run goes on under the old one. */
  readonly leases: Leases
}

export const createLastingPortal = (db: Database, leases: Leases, portal: Portal): LastingPortal => {
  const { host } = portal
  let { id } = portal
  /** The new name, while a run under the old one is in the way. */
  let awaited: string | undefined
  let settling: Promise<void> | undefined

  const takeOver = async (): Promise<void> => {
    const installation = await db
      .selectFrom('installation')
      .select('member_id')
      .where('origin', 'in', [`https://${host}`, `http://${host}`])
      .orderBy('installed_at', 'desc')
      .executeTakeFirst()
    awaited = installation?.member_id
    if (awaited === undefined) return
    const lease = await leases.acquire(host)
    if (lease === null) return
    try {
      await db.updateTable('run').set({ portal_id: awaited }).where('portal_id', '=', host).execute()
      id = awaited
      awaited = undefined
    } finally {
      await leases.release(lease)
    }
  }
  const settle = async (): Promise<void> => {
    if (id !== host) return
    settling ??= takeOver().finally(() => {
      settling = undefined
    })
    await orStorageFailure(db, settling)
  }

  /** Whether nobody is to drive the portal under this name now. */
  const barred = async (portalId: string): Promise<boolean> => {
    await settle()
    return portalId === awaited || (portalId === host && (id !== host || awaited !== undefined))
  }

  return {
    portal: {
      ...portal,
      get id() {
        return id
      }
    },
    settle,
    leases: {
      ...leases,
      async acquire(portalId) {
        if (await barred(portalId)) return null
        const lease = await leases.acquire(portalId)
        if (lease === null) return null
        let ours = false
        try {
          // Asked again: the new name may have been told, and taken over by another process, since we looked.
          ours = !(await barred(portalId))
          return ours ? lease : null
        } finally {
          if (!ours) await leases.release(lease)
        }
      }
    }
  }
}
