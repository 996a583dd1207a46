// Handshakes that come late or again: recorded ones, and ones that a removal has overtaken.
// Must stay true: what came later stays; a removal is not undone by an opening that began before it.
import { expect, test } from 'vitest'
import { openHostileAuthorization, say } from '../support/hostile-authorization.ts'
import { KEYS, openPortalApp } from '../support/portal-app.ts'
import { changesNothing } from '../support/traces.ts'

test('the stored access token again, with another refresh token beside it, stores nothing', async () => {
  const app = await openPortalApp()
  await app.install()
  await app.session()
  const stored = await app.store().tokens(app.portal.memberId, '1')
  const fields = { AUTH_ID: stored?.access ?? '', REFRESH_ID: 'f'.repeat(70), AUTH_EXPIRES: '999999' }
  await changesNothing(app, async () => {
    expect((await app.post('/placement', {}, { fields })).status).toBe(200)
  })
})

test('an opening that a removal has overtaken opens nothing and brings nothing back', async () => {
  const hostile = await openHostileAuthorization()
  const app = await openPortalApp({ oauthUrls: [hostile.origin] })
  hostile.behind = app.authorization.origin
  const named = { fields: { SERVER_ENDPOINT: hostile.endpoint } }
  expect((await app.post('/install', {}, named)).status).toBe(200)
  app.portal.applications.finishInstall(KEYS.clientId)
  await app.portal.eventsSettled()
  // The first opening: it would make the installation active.
  const applicationToken = (await app.installation())?.applicationToken ?? ''

  let release = (): void => undefined
  const removed = new Promise<void>(resolve => {
    release = resolve
  })
  const asked = hostile.asked.info
  hostile.info = (response, honest) => void removed.then(() => say(200, honest)(response, honest))
  const opening = app.post('/placement', {}, named)
  await expect.poll(() => hostile.asked.info).toBe(asked + 1)
  await app.event({
    event: 'ONAPPUNINSTALL',
    ts: String(Math.floor(Date.now() / 1000) + 1),
    'auth[member_id]': app.portal.memberId,
    'auth[application_token]': applicationToken
  })
  await expect.poll(async () => (await app.installation())?.status).toBe('deleted')
  release()
  expect((await opening).status).toBeGreaterThanOrEqual(400)
  expect(await app.installation()).toMatchObject({ status: 'deleted' })
  expect(await app.store().tokens(app.portal.memberId, '1')).toBeUndefined()
})
