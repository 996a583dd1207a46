// Permitted servers that lead elsewhere: by a redirect, or by the addresses in their answers.
// Must stay true: nobody follows; nobody but permitted servers is asked; a lie about who somebody is stores nothing.
import { describe, expect, test } from 'vitest'
import { type Canary, openCanary } from '../support/canary.ts'
import { evilEndpoints } from '../support/evil-addresses.ts'
import { type HostileAuthorization, openHostileAuthorization, redirect, say } from '../support/hostile-authorization.ts'
import { type Outgoing, watchOutgoing } from '../support/outgoing.ts'
import { KEYS, openPortalApp, type PortalApp } from '../support/portal-app.ts'
import { stateOf } from '../support/portal-pages.ts'
import { changesNothing } from '../support/traces.ts'

interface Stage {
  readonly app: PortalApp
  readonly canary: Canary
  readonly outgoing: Outgoing
  readonly hostile: HostileAuthorization
  /** The handshake names the hostile server. */
  readonly named: { readonly fields: { readonly SERVER_ENDPOINT: string } }
}

/** Ends with: the canary heard nothing, and whoever was asked is on the lists. */
const stage = async (work: (stage: Stage) => Promise<void>, portals = 1): Promise<void> => {
  const canary = await openCanary()
  const hostile = await openHostileAuthorization()
  const app = await openPortalApp({ oauthUrls: [hostile.origin], portals })
  hostile.behind = app.authorization.origin
  const listed = [app.origin, hostile.origin, app.authorization.origin, ...app.portals.map(({ origin }) => origin)]
  const outgoing = watchOutgoing(() => listed)
  await work({ app, canary, outgoing, hostile, named: { fields: { SERVER_ENDPOINT: hostile.endpoint } } })
  expect(outgoing.requests()).toEqual([])
  expect(canary.contacts()).toBe(0)
}

/** Installed by the word of the hostile server while it was honest; the access token has run out since. */
const installed = async ({ app, named }: Stage): Promise<string> => {
  expect((await app.post('/install', {}, named)).status).toBe(200)
  app.portal.applications.finishInstall(KEYS.clientId)
  await app.portal.eventsSettled()
  const { session } = stateOf(await app.post('/placement', {}, named))
  app.portal.applications.expireTokens(KEYS.clientId)
  return session
}

describe('a permitted authorization server that redirects to the canary', () => {
  test.each([301, 302, 303, 307, 308])('with %i instead of saying what a token stands for', status =>
    stage(async ({ app, canary, hostile, named }) => {
      hostile.info = redirect(status, `http://127.0.0.1:${canary.port}/rest/app.info`)
      await changesNothing(app, async () => {
        for (const path of ['/install', '/placement'] as const) {
          expect((await app.post(path, {}, named)).status, path).toBe(502)
        }
      })
      expect(hostile.asked.info).toBe(2)
    })
  )

  test.each([302, 307])('with %i instead of giving new tokens', status =>
    stage(async set => {
      const session = await installed(set)
      const { app, canary, hostile } = set
      hostile.refresh = redirect(status, `http://127.0.0.1:${canary.port}/oauth/token/`)
      await changesNothing(app, async () => {
        expect((await app.api(session, '/api/companies')).status).toBe(502)
      })
      expect(hostile.asked.refresh).toBeGreaterThan(0)
    })
  )
})

describe('a portal that redirects', () => {
  test('to the canary is not followed, neither while it is installed nor later', () =>
    stage(async ({ app, canary }) => {
      app.portal.configure({ movedTo: `http://127.0.0.1:${canary.port}` })
      await changesNothing(app, async () => {
        expect((await app.post('/install')).status).toBe(502)
      })
      app.portal.configure({ movedTo: undefined })
      await app.install()
      const session = await app.session()
      app.portal.configure({ movedTo: `http://127.0.0.1:${canary.port}` })
      await changesNothing(app, async () => {
        expect((await app.api(session, '/api/companies')).body).toMatchObject({ error: 'PORTAL_MOVED' })
      })
    }))

  test('to another permitted portal, which does not take its tokens, does not get that one’s place', () =>
    stage(async ({ app }) => {
      const [a, b] = app.portals
      if (a === undefined || b === undefined) throw new Error('two portals')
      await app.install(a)
      await app.install(b)
      const session = await app.session({}, a)
      a.configure({ movedTo: b.origin })
      await changesNothing(app, async () => {
        expect((await app.api(session, '/api/companies')).status).toBe(502)
      })
      expect(await app.installation(a)).toMatchObject({ origin: a.origin })
    }, 2))
})

/** A permitted server may spell a permitted host as it likes, and say that a portal speaks https now. */
const isPermitted = (address: string, own: string): boolean => {
  if (!URL.canParse(address)) return false
  const { protocol, host, username } = new URL(address)
  return protocol === 'https:' && username === '' && (host === own || /^[a-z0-9-]+\.bitrix24\.com$/.test(host))
}

const tricks = Object.keys(evilEndpoints({ port: 1, own: 'x' }))

test.each(tricks)('an answer that names the portal’s address by the trick: %s', trick =>
  stage(async set => {
    const { app, canary, hostile, named } = set
    const session = await installed(set)
    const { host, origin } = app.portal
    const addresses = (evilEndpoints({ port: canary.port, own: host })[trick] ?? []).filter(
      address => !isPermitted(address, host)
    )
    for (const address of addresses) {
      // About the application: nobody is let in.
      hostile.info = (response, { result }) =>
        say(200, { result: { ...result, install: { ...result.install, client_endpoint: address } } })(response, result)
      await changesNothing(app, async () => {
        for (const path of ['/install', '/placement'] as const) {
          expect((await app.post(path, {}, named)).status, `${path} ${address}`).toBe(403)
        }
      })
      // With new tokens: they are used where the portal has always been.
      hostile.refresh = (response, honest) =>
        say(200, { ...honest, client_endpoint: address, server_endpoint: address, domain: address })(response, honest)
      app.portal.applications.expireTokens(KEYS.clientId)
      expect((await app.api(session, '/api/companies')).status, address).toBe(200)
      expect(await app.installation(), address).toMatchObject({ origin, authorization: hostile.origin })
    }
    expect(hostile.asked.refresh).toBe(addresses.length)
  })
)

// biome-ignore lint/suspicious/noExplicitAny: an answer of app.info
const lies: [string, (result: any) => unknown][] = [
  ['another application', result => ({ result: { ...result, client_id: 'local.0.0' } })],
  ['no application', result => ({ result: { ...result, client_id: undefined } })],
  ['another portal', result => ({ result: { ...result, install: { ...result.install, member_id: 'f'.repeat(32) } } })],
  ['another person than the portal says', result => ({ result: { ...result, user_id: '2' } })],
  ['a person that is none', result => ({ result: { ...result, user_id: '../1' } })],
  ['fewer rights', result => ({ result: { ...result, scope: 'crm', install: { ...result.install, scope: 'crm' } } })],
  ['nothing', () => ({})],
  ['null', () => 'null'],
  ['a list', () => []],
  ['what is no JSON', () => '<html></html>'],
  ['a prototype', () => '{"__proto__":{"result":{"client_id":"x"}},"constructor":{"prototype":{"admin":true}}}'],
  ['more than it may', result => ({ result, padding: 'x'.repeat(70_000) })],
  ['an error with status 200', result => ({ result, error: 'wrong_client' })]
]

test.each(lies)('an answer that says: %s', (_, lie) =>
  stage(async ({ app, hostile, named }) => {
    hostile.info = (response, { result }) => say(200, lie(result))(response, result)
    await changesNothing(app, async () => {
      for (const path of ['/install', '/placement'] as const) {
        expect((await app.post(path, {}, named)).status).toBeGreaterThanOrEqual(403)
      }
    })
    expect(Object.hasOwn(Object.prototype, 'result')).toBe(false)
  })
)
