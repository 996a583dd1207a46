// The server tidies up by itself: old runs become small and go, and those of earlier demonstrations at once.
// Must stay true: what belongs to a real portal goes by its age only.
import { beforeAll, expect, test } from 'vitest'
import { readConfig } from '../../server/config.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { DEMO_MARK } from '../../server/demo.ts'
import { createLog } from '../../server/log.ts'
import { startServer } from '../../server/start.ts'
import { type Database, openDatabase } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { buildPage } from '../support/site.ts'
import { leasesOf, runOf, snapshotOf } from '../support/stores.ts'

beforeAll(buildPage)

const withDatabase = async <T>(dataDir: string, work: (db: Database) => Promise<T>): Promise<T> => {
  const db = await openDatabase({ dataDir })
  return work(db).finally(() => db.destroy())
}
/** The runs that are in a history. */
const runsIn = (dataDir: string): Promise<{ id: string; portal_id: string; keeping: string }[]> =>
  withDatabase(dataDir, db =>
    db
      .selectFrom('run')
      .select(['id', 'portal_id', 'keeping'])
      .where('keeping', '!=', 'removed')
      .orderBy('id')
      .execute()
  )
/** @param ended undefined: it is running */
const store = (dataDir: string, id: string, portalId: string, ended?: Date) =>
  withDatabase(dataDir, async db => {
    const leases = leasesOf(db)
    const lease = await leases.acquire(portalId)
    if (lease === null) throw new Error('The portal is taken')
    const run = runOf(id, portalId)
    const journal = createJournal(db)
    await journal.create(lease, run, [{ type: 'run.started', at: 1, operation: run.operation, total: 200 }])
    if (ended !== undefined) {
      const finished = { type: 'run.finished', at: ended.getTime(), status: 'cancelled', failure: null } as const
      const last = { ...snapshotOf(id, 0, 'cancelled'), finishedAt: ended.toISOString() }
      await journal.append(lease, id, [finished], last)
    }
    await leases.release(lease)
  })

test('the runs of earlier demonstrations go when the next one begins, and no others', { timeout: 30_000 }, async () => {
  const dataDir = freshDir()
  const serve = async (work: (origin: string) => Promise<void>) => {
    const server = await startServer(readConfig({ PORT: '0', DATA_DIR: dataDir }), createLog('silent'))
    await work(server.origin).finally(() => server.close())
  }
  const create = async (origin: string): Promise<string> => {
    const made = await fetch(`${origin}/bitrix/webhook/push-to-bitrix?count=1`, { method: 'POST' })
    return ((await made.json()) as RunSnapshot).id
  }
  await serve(async origin => void (await create(origin)))
  const [first] = await runsIn(dataDir)
  expect(first?.portal_id).toMatch(/^[0-9a-f]{32}$/)
  expect(first?.portal_id.startsWith(DEMO_MARK)).toBe(true)
  // One that a crash left behind: nobody can go on with it. And portals that are no demonstrations.
  await store(dataDir, 'left', `${DEMO_MARK}0123456789abcdef`)
  await store(dataDir, 'real', '0123456789abcdef0123456789abcdef', new Date())
  await store(dataDir, 'webhook', 'portal.bitrix24.ru', new Date())
  await store(dataDir, 'local', '127.0.0.1:4000')
  let second = ''
  await serve(async origin => {
    second = await create(origin)
  })
  expect((await runsIn(dataDir)).map(({ id }) => id).sort()).toEqual([second, 'local', 'real', 'webhook'].sort())
  const leases = await withDatabase(dataDir, db => db.selectFrom('lease').select('portal_id').execute())
  expect(leases.map(({ portal_id }) => portal_id)).not.toContain(first?.portal_id)
})

test('a server that starts compacts and removes what is due', { timeout: 30_000 }, async () => {
  const dataDir = freshDir()
  const DAY = 86_400_000
  const portalId = 'portal.example'
  await store(dataDir, 'fresh', portalId, new Date())
  await store(dataDir, 'old', portalId, new Date(Date.now() - 10 * DAY))
  await store(dataDir, 'ancient', portalId, new Date(Date.now() - 40 * DAY))
  const lines: string[] = []
  const settings = { PORT: '0', DATA_DIR: dataDir, KEEP_RUNS_DAYS: '30' }
  const server = await startServer(readConfig(settings), createLog('info', { write: line => void lines.push(line) }))
  await expect.poll(() => lines.some(line => line.includes('"removed":1'))).toBe(true)
  await server.close()
  expect(await runsIn(dataDir)).toMatchObject([
    { id: 'fresh', keeping: 'whole' },
    { id: 'old', keeping: 'replaced' }
  ])
})
