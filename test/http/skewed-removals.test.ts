// Removals where the app's clock and the portal's differ: what counts is the portal's own time, on both sides.
// Must stay true: the portal's clock is right; the app's is off for the whole test.
import { describe, expect, test } from 'vitest'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'

/** A slow machine. */
const WITHIN = { timeout: 10_000 }

const HOUR = 3_600_000
const CLOCKS: [string, number][] = [
  ['right', 0],
  ['3 hours ahead', 3 * HOUR],
  ['25 hours behind', -25 * HOUR],
  ['a year ahead', 8760 * HOUR],
  ['a year behind', -8760 * HOUR]
]

const openInstalled = async (skew: number): Promise<{ app: PortalApp; session: string }> => {
  const app = await openPortalApp({ skew })
  await app.install()
  return { app, session: await app.session() }
}

const removalOf = async (app: PortalApp, ahead = 0): Promise<Record<string, string>> => ({
  ...{ event: 'ONAPPUNINSTALL', ts: String(Math.floor((Date.now() + ahead) / 1000)), 'data[CLEAN]': '0' },
  'auth[member_id]': app.portal.memberId,
  'auth[application_token]': (await app.installation())?.applicationToken ?? 'none'
})

const status = async (app: PortalApp) => (await app.installation())?.status
const refusals = ({ logged }: PortalApp) => logged.filter(line => line.includes('REMOVAL_REFUSED'))

describe.each(CLOCKS)('with a clock that is %s', (_, skew) => {
  test('a removal ends the installation, its tokens and its sessions, and a new one can be made', async () => {
    const { app, session } = await openInstalled(skew)
    app.portal.applications.remove(KEYS.clientId)
    await app.portal.eventsSettled()
    await expect.poll(() => status(app), WITHIN).toBe('deleted')
    expect(await app.store().tokens(app.portal.memberId, '1')).toBeUndefined()
    expect((await app.api(session, '/api/runs')).status).toBe(401)
    expect(refusals(app)).toEqual([])
  })

  test('the date alone is enough while the portal still takes the tokens', async () => {
    const { app } = await openInstalled(skew)
    await app.event(await removalOf(app))
    await expect.poll(() => status(app), WITHIN).toBe('deleted')
  })

  test('a removal that was recorded before the installation, or comes from days ahead, is refused and logged', async () => {
    for (const ahead of [-2 * HOUR, 48 * HOUR + Math.max(0, skew)]) {
      const { app } = await openInstalled(skew)
      const removal = await removalOf(app, ahead)
      await app.event(removal)
      await expect.poll(() => refusals(app), WITHIN).toHaveLength(1)
      expect(await status(app)).toBe('active')
      const [line = ''] = refusals(app)
      expect(line).toContain('date that does not fit')
      // Not toContain: its message would print the secret.
      expect(line.includes(removal['auth[application_token]'] ?? '')).toBe(false)
      // The same removal comes true all the same, once the portal takes no token any more.
      app.portal.applications.remove(KEYS.clientId)
      await expect.poll(() => status(app), { timeout: 10_000 }).toBe('deleted')
    }
  })

  test('the recorded removal does nothing to the installation that was made after it', async () => {
    const { app } = await openInstalled(skew)
    const removal = await removalOf(app)
    await app.event(removal)
    await expect.poll(() => status(app), WITHIN).toBe('deleted')
    await expect.poll(() => Math.floor(Date.now() / 1000), WITHIN).toBeGreaterThan(Number(removal['ts']))
    await app.install()
    await app.session()
    await app.event(removal)
    await expect.poll(() => refusals(app), WITHIN).toHaveLength(1)
    expect(await status(app)).toBe('active')
  })
})
