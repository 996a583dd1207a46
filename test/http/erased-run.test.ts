// A run whose portal has removed the application, told to another process than the one that drives it.
// Must stay true: the other process is a second connection to the same database; the driving one is told nothing else.
import { expect, onTestFinished, test } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { openDatabase } from '../../server/store/database.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createVault } from '../../server/store/vault.ts'
import { APP_SECRET } from '../support/portal-app.ts'
import { create, openInstalled, start } from '../support/portal-runs.ts'

test.each([true, false])('ends cancelled, and not as a failure: with its data %s', async clean => {
  const app = await openInstalled({ portal: { speed: { commandMs: 20, workers: 1 } } })
  const session = await app.session()
  const { body } = await start(app, session, create(1000))
  let last: RunSnapshot | undefined
  const watching = (async () => {
    for await (const snapshot of app.runs().watch(body.id, new AbortController().signal)) last = snapshot
  })()
  await expect.poll(() => last?.done, { timeout: 10_000 }).toBeGreaterThan(10)

  const db = await openDatabase({ dataDir: app.dataDir })
  onTestFinished(() => db.destroy())
  await createInstallations(db, createVault(APP_SECRET)).remove(app.portal.memberId, 1, clean)
  await watching
  expect(last).toMatchObject({ status: 'cancelled', failure: null })
  expect(app.logged.filter(line => line.includes('run failed inside'))).toEqual([])
  // Nothing is sent any more.
  const { companies } = app.portal.state.counts()
  expect(companies).toBeLessThan(1000)
  expect((await app.runs().active(app.portal.memberId))?.id).toBeUndefined()
})
