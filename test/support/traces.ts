// What an attack could leave behind: any row of the store, records and bindings in the portals.
// Must stay true: whole rows are compared; sealing the same token again is a change too, because it is sealed anew.
import { expect } from 'vitest'
import { openDatabase } from '../../server/store/database.ts'
import { KEYS, type PortalApp } from './portal-app.ts'

const rowsOf = async ({ dataDir }: PortalApp): Promise<Record<string, unknown>> => {
  const db = await openDatabase({ dataDir })
  try {
    return {
      installations: await db.selectFrom('installation').selectAll().orderBy('member_id').execute(),
      tokens: await db.selectFrom('person_tokens').selectAll().orderBy('member_id').orderBy('user_id').execute(),
      runs: await db.selectFrom('run').selectAll().orderBy('id').execute(),
      events: await db.selectFrom('run_event').selectAll().orderBy('run_id').orderBy('seq').execute()
    }
  } finally {
    await db.destroy()
  }
}

const tracesOf = async (app: PortalApp): Promise<unknown> => ({
  ...(await rowsOf(app)),
  portals: app.portals.map(({ state, applications, stats }) => ({
    records: state.counts(),
    placements: applications.placements(KEYS.clientId),
    handlers: applications.eventHandlers(KEYS.clientId),
    writes: Object.entries(stats.commands).filter(([method]) => /add|update|delete|bind/.test(method))
  }))
})

/** After `work` everything is as it was before. */
export const changesNothing = async (app: PortalApp, work: () => Promise<void>): Promise<void> => {
  const before = await tracesOf(app)
  await work()
  expect(await tracesOf(app)).toEqual(before)
}

/** Events are answered before they are obeyed. A refusal leaves a line in the log: waits until there are so many more. */
export const refusedEvents = async (app: PortalApp, count: number, work: () => Promise<void>): Promise<void> => {
  const refused = (): number => app.logged.filter(line => line.includes('event not obeyed')).length
  const before = refused()
  await work()
  await expect.poll(refused).toBe(before + count)
}
