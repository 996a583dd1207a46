// A portal that takes requests and does not answer, while somebody opens the page in its frame.
// Must stay true: the page is answered within the time that a person waits, whatever hangs.
import { expect, test } from 'vitest'
import type { FaultRequest } from '../../emulator/faults.ts'
import { openPortalApp } from '../support/portal-app.ts'
import { openInstalled } from '../support/portal-runs.ts'

const asking =
  (method: string) =>
  ({ commands }: FaultRequest): boolean =>
    commands.includes(method)

/** Seconds that `work` takes. */
const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

test('that does not say who somebody is: they read after ten seconds that it does not answer', async () => {
  const app = await openInstalled()
  const session = await app.session()
  app.portal.faults.next('hold', { when: asking('profile'), times: 2 })
  const seconds = await secondsOf(async () => {
    const reply = await app.post('/placement', { person: 2 })
    expect([reply.status, reply.text]).toEqual([502, expect.stringContaining('не ответил вовремя')])
    expect(reply.headers.get('content-security-policy')).toContain(`frame-ancestors ${app.portal.origin}`)
  })
  expect(seconds).toBeLessThan(15)
  app.portal.faults.clear()
  expect((await app.post('/placement', { person: 2 })).status).toBe(200)
  expect((await app.api(session, '/api/companies')).status).toBe(200)
}, 80_000)

test('that is slow to bind the application: its administrator need not wait for that', async () => {
  const app = await openPortalApp({ installPath: false })
  app.portal.faults.next('hold', { when: asking('placement.list'), ms: 8000 })
  const seconds = await secondsOf(async () => expect((await app.post('/placement')).status).toBe(200))
  expect(seconds).toBeLessThan(7)
  expect(await app.installation()).toMatchObject({ status: 'active', boundTo: null })
  await expect
    .poll(async () => (await app.installation())?.boundTo, { timeout: 15_000, interval: 100 })
    .toBe(app.origin)
}, 80_000)
