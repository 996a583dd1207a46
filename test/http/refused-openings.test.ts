// Refused handshakes in the log: the page that says why cannot be seen where the portal is not allowed to frame it.
// Must stay true: no token is in a line; a flood does not fill the log.
import { describe, expect, test } from 'vitest'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'

const refusals = ({ logged }: PortalApp) =>
  logged.filter(line => line.includes('handshake refused')).map(line => JSON.parse(line))

/** As a portal sends it that calls itself `domain`. @returns the form and the status of the answer */
const openAs = async (app: PortalApp, path: string, domain: string) => {
  const form = new URLSearchParams(app.portal.open({ clientId: KEYS.clientId }).body)
  const { status } = await app.send(`${path}?${new URLSearchParams({ DOMAIN: domain })}`, {
    method: 'POST',
    body: form
  })
  return { form, status }
}

describe.each(['/install', '/placement'])('a refused POST to %s', path => {
  test('is logged with the portal and what to do, without its tokens', async () => {
    const app = await openPortalApp()
    const { form, status } = await openAs(app, path, 'Portal.On-Premise.example:443')
    expect(status).toBe(403)
    expect(refusals(app)).toEqual([
      expect.objectContaining({
        ...{ level: 'warn', path, portal: 'portal.on-premise.example', code: 'GRANT_REFUSED' },
        reason: expect.stringContaining('BITRIX_PORTAL_HOSTS')
      })
    ])
    for (const name of ['AUTH_ID', 'REFRESH_ID', 'APPLICATION_TOKEN']) {
      const secret = form.get(name) ?? ''
      expect(secret, name).toMatch(/^[0-9a-f]{30,}$/)
      // Not toContain: its message would print the secret.
      expect(app.logged.some(line => line.includes(secret))).toBe(false)
    }
  })
})

test('what is no host is not repeated in the log', async () => {
  const app = await openPortalApp()
  await openAs(app, '/placement', 'a.example/?x="planted"')
  expect(refusals(app)).toEqual([expect.not.objectContaining({ portal: expect.anything() })])
  expect(app.logged.some(line => line.includes('planted'))).toBe(false)
})

test('a flood of refused handshakes leaves about a line a second, which counts the others', async () => {
  const app = await openPortalApp()
  const began = performance.now()
  for (let sent = 0; sent < 40; sent += 1) await openAs(app, sent % 2 === 0 ? '/install' : '/placement', 'evil.example')
  const seconds = (performance.now() - began) / 1000
  expect(refusals(app).length).toBeLessThanOrEqual(1 + Math.floor(seconds))
  const counted = async (): Promise<number> => {
    await openAs(app, '/install', 'evil.example')
    return refusals(app).reduce((sum, { unlogged }) => sum + 1 + unlogged, 0)
  }
  await expect.poll(counted, { timeout: 3000 }).toBeGreaterThan(40)
})

test('an accepted handshake leaves no such line', async () => {
  const app = await openPortalApp()
  await app.install()
  await app.session()
  expect(refusals(app)).toEqual([])
})
