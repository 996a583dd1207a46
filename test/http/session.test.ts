// Sessions of pages in portals: what they open, how long, and that nobody else can make one.
// Must stay true: every attack goes through the API of the real app; a refused session reads and changes nothing.
import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import type { OpeningWish } from '../../emulator/openings.ts'
import { createSessions, type PageSession } from '../../server/http/session.ts'
import { APP_SECRET, KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const renew = (app: PortalApp, session: string) => app.api(session, '/api/session', { method: 'POST' })
const partsOf = (token: string): [string, string, string] => {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return [header, payload, signature]
}

const openOne = async (now?: () => number) => {
  const app = await openPortalApp(now === undefined ? {} : { now })
  await app.install()
  return { app, session: await app.session() }
}

const refused = async (app: PortalApp, token: string): Promise<void> => {
  for (const [path, method] of [
    ['/api/runs', 'GET'],
    ['/api/runs', 'POST'],
    ['/api/companies', 'GET'],
    ['/api/session', 'POST'],
    ['/bitrix/status', 'GET']
  ] as const) {
    const { status, body } = await app.api(token, path, { method })
    expect([status, body.error], `${method} ${path}`).toEqual([401, 'SESSION_INVALID'])
  }
}

const HOUR = 3_600_000

test('lasts 15 minutes, and is renewed by a page that is still open', async () => {
  let time = Date.now()
  const { app, session } = await openOne(() => time)
  time += 14 * 60_000
  const { status, body } = await renew(app, session)
  expect([status, body.admin]).toEqual([200, true])
  time += 2 * 60_000
  await refused(app, session)
  expect((await app.api(body.session, '/api/runs')).status).toBe(200)
  expect(await app.sessions().read(body.session)).toEqual({
    ...{ memberId: app.portal.memberId, userId: '1', name: 'Иван Петров', admin: true },
    ...{ placement: 'DEFAULT', recordId: null },
    ...{ openedAt: time - 16 * 60_000, installedAt: (await app.installation())?.installedAt }
  })
})

test('is renewed for twelve hours, whatever page is left open', async () => {
  let time = Date.now()
  const opened = time
  const { app, session } = await openOne(() => time)
  let last = session
  while (time + 10 * 60_000 < opened + 12 * HOUR) {
    time += 10 * 60_000
    const { status, body } = await renew(app, last)
    expect(status, `${(time - opened) / HOUR} hours`).toBe(200)
    last = body.session
  }
  expect((await app.api(last, '/api/runs')).status).toBe(200)
  time = opened + 12 * HOUR
  await refused(app, last)
})

test('holds no secret: neither tokens nor keys', async () => {
  const { app, session } = await openOne()
  const [header, payload] = partsOf(session)
  const text = Buffer.from(header, 'base64url').toString() + Buffer.from(payload, 'base64url').toString()
  const tokens = await app.store().tokens(app.portal.memberId, '1')
  for (const secret of [tokens?.access ?? '', tokens?.refresh ?? '', KEYS.clientSecret, APP_SECRET]) {
    expect(secret).not.toBe('')
    expect(text.includes(secret)).toBe(false)
  }
})

describe('is refused', () => {
  test('when any part of it was altered', async () => {
    const { app, session } = await openOne()
    const [header, payload, signature] = partsOf(session)
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const flip = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`
    for (const token of [
      `${header}.${encode({ ...claims, sub: '2' })}.${signature}`,
      `${header}.${encode({ ...claims, portal: 'f'.repeat(32) })}.${signature}`,
      `${header}.${encode({ ...claims, exp: claims.exp + 1 })}.${signature}`,
      `${header}.${payload}.${flip(signature)}`,
      `${header}.${payload}.`
    ]) {
      await refused(app, token)
    }
  })

  test('with no algorithm, another one, or a key that is not ours', async () => {
    const { app, session } = await openOne()
    const [, payload] = partsOf(session)
    const signed = (alg: string, key: string, hash: string): string => {
      const head = `${encode({ alg, typ: 'JWT' })}.${payload}`
      return `${head}.${createHmac(hash, key).update(head).digest('base64url')}`
    }
    for (const alg of ['none', 'None', 'NONE', '']) await refused(app, `${encode({ alg })}.${payload}.`)
    for (const token of [
      signed('HS256', '', 'sha256'),
      signed('HS256', 'secret', 'sha256'),
      signed('HS256', APP_SECRET, 'sha256'),
      signed('HS512', APP_SECRET, 'sha512'),
      signed('RS256', APP_SECRET, 'sha256')
    ]) {
      await refused(app, token)
    }
  })

  test('when it is signed by us for another purpose, or lacks something', async () => {
    const { app, session } = await openOne()
    const page = await app.sessions().read(session)
    const foreign = createSessions(`${APP_SECRET}x`, Date.now)
    await refused(app, await foreign.issue(page))
    const bare = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(APP_SECRET))
    await refused(app, bare)
  })

  test('when its installation is unknown or was removed', async () => {
    const { app, session } = await openOne()
    const page: PageSession = await app.sessions().read(session)
    await refused(app, await app.sessions().issue({ ...page, memberId: 'f'.repeat(32) }))
    app.portal.applications.remove(KEYS.clientId)
    await app.portal.eventsSettled()
    await expect.poll(async () => (await app.installation())?.status).toBe('deleted')
    await refused(app, session)
  })

  test('when its portal has removed the application with its data since, and installed it again', async () => {
    const { app, session } = await openOne()
    const form = app.portal.open({ clientId: KEYS.clientId })
    const token = new URLSearchParams(form.body).get('APPLICATION_TOKEN') ?? ''
    const { installedAt = 0 } = (await app.installation()) ?? {}
    await app.event({
      ...{ event: 'ONAPPUNINSTALL', 'data[CLEAN]': '1', ts: String(Math.floor(Date.now() / 1000)) },
      ...{ 'auth[member_id]': app.portal.memberId, 'auth[application_token]': token }
    })
    await expect.poll(async () => (await app.installation())?.status).toBe('deleted')
    await app.install()
    const fresh = await app.session()
    expect((await app.installation())?.installedAt).toBeGreaterThan(installedAt)
    await refused(app, session)
    expect((await app.api(fresh, '/api/runs')).status).toBe(200)
  })

  test('in every other place than the Authorization header', async () => {
    const { app, session } = await openOne()
    for (const headers of [{ cookie: `session=${session}` }, { 'x-session': session }, {}]) {
      const { body } = await app.send(`/api/runs?session=${session}&secret=${session}`, { headers })
      expect(body.error).toBe('STANDALONE_OFF')
    }
  })
})

test('a session of portal A says nothing about portal B', async () => {
  const app = await openPortalApp({ portals: 2 })
  const [a, b] = app.portals
  if (a === undefined || b === undefined) throw new Error('two portals')
  await app.install(a)
  await app.install(b)
  const inA = await app.session({}, a)
  const query = `?DOMAIN=${b.host}&member_id=${b.memberId}&portal=${b.memberId}`
  b.state.seed({ companies: 3 })
  expect((await app.api(inA, `/api/companies${query}`)).body.total).toBe(0)
  const { body } = await app.api(inA, `/api/runs${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'clear', scope: 'all', confirm: b.host })
  })
  expect(body.error).toBe('CONFIRM_REQUIRED')
})

describe('a session that is over', () => {
  const SLEEP = 20 * HOUR
  /** What the portal around the page vouches with, as in the form of an opening. */
  const prove = (app: PortalApp, session: string, wish: Partial<OpeningWish> = {}, member?: string) => {
    const { url, body } = app.portal.open({ clientId: KEYS.clientId, ...wish })
    const form = new URLSearchParams(body)
    if (member !== undefined) form.set('member_id', member)
    return app.api(session, `/api/session${new URL(url).search}`, { method: 'POST', body: form })
  }
  const openLate = async () => {
    let time = Date.now()
    const app = await openPortalApp({ now: () => time })
    await app.install()
    const session = await app.session({ placement: 'CRM_COMPANY_LIST_MENU', options: { ID: '7' } })
    time += SLEEP
    await refused(app, session)
    return { app, session, time: () => time }
  }

  test('becomes another for the same person and page, when the portal vouches for them anew', async () => {
    const { app, session, time } = await openLate()
    const { status, body } = await prove(app, session)
    expect([status, body.admin]).toEqual([200, true])
    expect((await app.api(body.session, '/api/runs')).status).toBe(200)
    expect(await app.sessions().read(body.session)).toMatchObject({
      ...{ memberId: app.portal.memberId, userId: '1', placement: 'CRM_COMPANY_LIST_MENU', recordId: 7 },
      openedAt: time()
    })
  })

  test('becomes none for somebody else, without proof, without a session of ours, or by another site', async () => {
    const { app, session } = await openLate()
    const another = await prove(app, session, { person: 2 })
    expect([another.status, another.body.error]).toEqual([401, 'SESSION_INVALID'])
    const forged = await prove(app, session, {}, 'f'.repeat(32))
    expect([forged.status, forged.body.error]).toEqual([403, 'GRANT_REFUSED'])
    const [header, payload] = partsOf(session)
    const unsigned = await prove(app, `${header}.${payload}.${'A'.repeat(43)}`)
    expect([unsigned.status, unsigned.body.error]).toEqual([401, 'SESSION_INVALID'])
    const { body } = app.portal.open({ clientId: KEYS.clientId })
    const foreign = await app.send('/api/session?DOMAIN=portal.example', {
      method: 'POST',
      body: new URLSearchParams(body),
      headers: { Authorization: `Bearer ${session}`, Origin: 'https://evil.example' }
    })
    expect([foreign.status, foreign.body.error]).toEqual([403, 'FORBIDDEN'])
  })
})
