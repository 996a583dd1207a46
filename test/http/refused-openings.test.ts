// Refused openings in the log: the page that says why cannot be seen where the portal is not allowed to frame it.
// Must stay true: no token is in a line; a flood does not fill the log.
import { describe, expect, test } from 'vitest'
import { openHttpApp } from '../support/http-app.ts'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'

const linesOf = ({ logged }: Pick<PortalApp, 'logged'>, what: string) =>
  logged.filter(line => line.includes(what)).map(line => JSON.parse(line))
const refusals = (app: PortalApp) => linesOf(app, 'handshake refused')

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
        reason: expect.stringMatching(/BITRIX_PORTAL_HOSTS.*replaces/),
        expected: `*.bitrix24.com, ${app.portal.host}`
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

test('a handshake that is too large is logged with its size and the limit', async () => {
  const app = await openPortalApp()
  const form = new URLSearchParams({ AUTH_ID: 'planted'.repeat(10_000) })
  expect((await app.send('/placement?DOMAIN=portal.example', { method: 'POST', body: form })).status).toBe(413)
  expect(refusals(app)).toEqual([
    expect.objectContaining({
      ...{ path: '/placement', portal: 'portal.example', bytes: 70_008, code: 'PAYLOAD_TOO_LARGE' },
      reason: expect.stringContaining('64 kB')
    })
  ])
  expect(app.logged.some(line => line.includes('planted'))).toBe(false)
})

test('a handshake where no keys are configured is logged with what is missing', async () => {
  const app = await openHttpApp()
  expect((await app.send('/placement?DOMAIN=portal.example', { method: 'POST' })).status).toBe(404)
  expect(linesOf(app, 'handshake refused')).toEqual([
    expect.objectContaining({ code: 'APPLICATION_OFF', reason: expect.stringContaining('BITRIX_CLIENT_ID') })
  ])
})

test('a wrong host name is logged with what came and what is served, on a line of bounded length', async () => {
  const publicUrl = 'https://corp.example.com'
  const wrong = { 'my_app:3000': 'my_app:3000', [`evil.${'x'.repeat(5000)}`]: `evil.${'x'.repeat(95)}`, 'a"b': 'a?b' }
  for (const [host, logged] of Object.entries(wrong)) {
    const app = await openHttpApp({ publicUrl })
    expect((await app.send('/?secret=planted', { headers: { Host: host } })).status).toBe(403)
    // Within the same second.
    await app.send('/', { headers: { Host: 'another.example' } })
    expect(linesOf(app, 'host name refused')).toEqual([
      expect.objectContaining({
        ...{ level: 'warn', path: '/', host: logged, code: 'FORBIDDEN', expected: publicUrl },
        reason: expect.stringContaining('PUBLIC_URL')
      })
    ])
    expect(app.logged.join('')).not.toContain('planted')
    await app.send(`/${'y'.repeat(5000)}`, { headers: { Host: 'localhost' } })
    for (const line of app.logged) expect(line.length).toBeLessThan(1000)
  }
})

test('no refusal of a request that opens nothing is logged', async () => {
  const app = await openHttpApp({ secret: 'open-sesame-1' })
  expect((await app.send('/')).status).toBe(403)
  expect((await app.send('/api/runs', { method: 'POST', headers: { Origin: 'http://evil.example' } })).status).toBe(403)
  expect(app.logged).toEqual([])
})
