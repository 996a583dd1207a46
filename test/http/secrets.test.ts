// Planted secrets, looked for everywhere that somebody could look.
// Must stay true: every way of failing that the emulated portal knows has been gone through before the search.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { watchOutgoing } from '../support/outgoing.ts'
import { APP_SECRET, KEYS, openPortalApp } from '../support/portal-app.ts'

test('tokens, keys and APP_SECRET are in no log line, answer, header, event stream, file or address that is asked', async () => {
  const app = await openPortalApp({ portals: 2 })
  const outgoing = watchOutgoing(() => [app.origin])
  const secrets = new Set<string>([APP_SECRET, KEYS.clientSecret])
  const learn = async (): Promise<void> => {
    for (const portal of app.portals) {
      for (const person of ['1', '2']) {
        const tokens = await app.store().tokens(portal.memberId, person)
        if (tokens !== undefined) secrets.add(tokens.access).add(tokens.refresh)
      }
      const token = (await app.installation(portal))?.applicationToken
      if (token != null) secrets.add(token)
    }
  }
  const headers = { 'content-type': 'application/json' }
  await app.install()
  await app.post('/install', {}, { fields: { AUTH_ID: 'planted-wrong-access', REFRESH_ID: 'planted-wrong-refresh' } })
  secrets.add('planted-wrong-access').add('planted-wrong-refresh')
  await learn()
  const [session, other] = [await app.session(), await app.session({ person: 2 })]
  await learn()
  const start = (body: string) => app.api(session, '/api/runs', { method: 'POST', headers, body })
  const first = await start('{"kind":"create","companies":3}')
  await app.api(session, `/api/runs/${first.body.id}/progress`)
  app.portal.applications.expireTokens(KEYS.clientId)
  await app.api(other, '/api/companies')
  await app.api(session, '/api/contacts')
  await learn()
  for (const fault of ['html-502', 'reset-before', 'reset-after'] as const) {
    app.portal.applications.expireTokens(KEYS.clientId)
    app.authorization.failNext(fault)
    await app.api(session, '/api/companies')
    await app.post('/placement')
    await learn()
  }
  app.portal.applications.revokeTokens(KEYS.clientId)
  const last = await start('{"kind":"clear"}')
  if (last.status === 202) await app.api(session, `/api/runs/${last.body.id}/progress`)
  await app.api(session, '/api/session', { method: 'POST' })
  await app.event({
    event: 'ONAPPUNINSTALL',
    ts: '1',
    'auth[member_id]': app.portal.memberId,
    'auth[application_token]': 'planted-wrong-application-token'
  })
  secrets.add('planted-wrong-application-token')
  await app.restart()

  const files = readdirSync(app.dataDir).map(file => readFileSync(join(app.dataDir, file), 'latin1'))
  expect(secrets.size).toBeGreaterThan(10)
  expect(app.logged.length).toBeGreaterThan(0)
  const addresses = outgoing.requests()
  expect(addresses.some(address => address.includes('app.info'))).toBe(true)
  for (const secret of secrets) {
    for (const [place, texts] of Object.entries({ logged: app.logged, answered: app.answered, files, addresses })) {
      // Not toContain: its message would print the secret.
      expect(
        texts.some(text => text.includes(secret) || text.includes(encodeURIComponent(secret))),
        place
      ).toBe(false)
    }
  }
}, 30_000)
