// Openings that nobody has asked for: what they cost the authorization server, and whom they hold up.
// Must stay true: every opening is a POST to the real app; questions are counted where they arrive.
import { describe, expect, test } from 'vitest'
import { openHostileAuthorization, say } from '../support/hostile-authorization.ts'
import { openPortalApp, type PortalApp } from '../support/portal-app.ts'

/** A slow machine. */
const WITHIN = { timeout: 10_000 }

const hex = (seed: number, length: number): string => seed.toString(16).padStart(length, '0')
const bogus = (seed: number) => ({ fields: { AUTH_ID: hex(seed, 70), member_id: hex(seed, 32) } })

/** In crowds of 50; answers by status. */
const flood = async (app: PortalApp, count: number): Promise<Record<number, number>> => {
  const seen: Record<number, number> = {}
  const one = async (seed: number): Promise<void> => {
    const { status } = await app.post(seed % 2 === 0 ? '/install' : '/placement', {}, bogus(seed + 1))
    seen[status] = (seen[status] ?? 0) + 1
  }
  for (let sent = 0; sent < count; sent += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - sent) }, (_, seed) => one(sent + seed)))
  }
  return seen
}

test('hundreds of portals that nobody knows cause a bounded number of questions', async () => {
  const app = await openPortalApp()
  const seen = await flood(app, 300)
  expect(app.authorization.stats.appInfos).toBeLessThanOrEqual(30)
  expect(app.authorization.stats.appInfos).toBeGreaterThan(0)
  expect(seen[403]).toBe(app.authorization.stats.appInfos)
  expect(seen[429]).toBe(300 - Number(seen[403]))
})

test('whoever is not asked about reads so on a page, and when to come again', async () => {
  const app = await openPortalApp()
  await flood(app, 50)
  const { status, headers, text } = await app.post('/placement', {}, bogus(5000))
  expect([status, headers.get('content-type')]).toEqual([429, expect.stringContaining('text/html')])
  expect(text).toContain('Подождите минуту')
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60)
  expect(app.logged.filter(line => line.includes('TOO_MANY_OPENINGS')).length).toBeLessThanOrEqual(3)
})

test('the same refused opening again asks nobody', async () => {
  const app = await openPortalApp()
  for (let again = 0; again < 20; again += 1) expect((await app.post('/placement', {}, bogus(7))).status).toBe(403)
  expect(app.authorization.stats.appInfos).toBe(1)
})

/** An authorization server that keeps every question until it is released. */
const openSilent = async (portals: number) => {
  const hostile = await openHostileAuthorization()
  const app = await openPortalApp({ oauthUrls: [hostile.origin], portals })
  hostile.behind = app.authorization.origin
  for (const portal of app.portals) await app.install(portal)
  let release = (): void => undefined
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  hostile.info = response => void released.then(() => say(401, { error: 'NO_AUTH_FOUND' })(response, undefined))
  return { app, hostile, release }
}

describe('a portal that is known', () => {
  test('opens while a flood of unknown ones waits for an authorization server that does not answer', async () => {
    const { app, hostile, release } = await openSilent(1)
    const flooding = Array.from({ length: 100 }, async (_, seed) => {
      const fields = { ...bogus(seed + 1).fields, SERVER_ENDPOINT: hostile.endpoint }
      return (await app.post('/placement', {}, { fields })).status
    })
    await expect.poll(() => hostile.asked.info, WITHIN).toBe(4)
    expect((await app.post('/placement')).status).toBe(200)
    expect(hostile.asked.info).toBe(4)
    // The line is full: the first to be refused does not wait for anybody.
    expect(await Promise.race(flooding)).toBe(429)
    release()
    expect(new Set(await Promise.all(flooding))).toEqual(new Set([403, 429]))
  })

  test('misused by its own people has a bounded number of questions under way, and holds up no other', async () => {
    const { app, hostile, release } = await openSilent(2)
    const [a, b] = app.portals
    if (a === undefined || b === undefined) throw new Error('two portals')
    const flooding = Array.from({ length: 130 }, async (_, seed) => {
      const fields = { AUTH_ID: hex(seed + 1, 70), SERVER_ENDPOINT: hostile.endpoint }
      return (await app.post('/placement', {}, { portal: a, fields })).status
    })
    await expect.poll(() => hostile.asked.info, WITHIN).toBe(10)
    expect((await app.post('/placement', {}, { portal: b })).status).toBe(200)
    expect(hostile.asked.info).toBe(10)
    // The line is full: the first to be refused does not wait for anybody.
    expect(await Promise.race(flooding)).toBe(429)
    release()
    expect(new Set(await Promise.all(flooding))).toEqual(new Set([403, 429]))
  })
})
