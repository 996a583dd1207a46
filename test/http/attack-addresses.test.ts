// Requests that name a portal or an authorization server which is not on the lists, in every disguise.
// Must stay true: nobody at all is asked, the canary hears nothing, and nothing is stored or changed.
import { describe, expect, test } from 'vitest'
import { openCanary } from '../support/canary.ts'
import { evilEndpoints, evilHosts } from '../support/evil-addresses.ts'
import { watchOutgoing } from '../support/outgoing.ts'
import { KEYS, openPortalApp, type PortalApp, type Reply } from '../support/portal-app.ts'
import { changesNothing, refusedEvents } from '../support/traces.ts'

const tricks = Object.keys(evilHosts({ port: 1, own: 'x' }))
const tricksOfEndpoints = Object.keys(evilEndpoints({ port: 1, own: 'x' }))

/** A genuine ONAPPINSTALL, as far as the sender can make one. */
const installEvent = async (app: PortalApp): Promise<Record<string, string>> => {
  const tokens = app.portal.applications.issueTokens(KEYS.clientId)
  return {
    event: 'ONAPPINSTALL',
    ts: String(Math.floor(Date.now() / 1000)),
    'auth[member_id]': app.portal.memberId,
    'auth[domain]': app.portal.host,
    'auth[application_token]': (await app.installation())?.applicationToken ?? 'f'.repeat(32),
    'auth[access_token]': tokens.access_token,
    'auth[refresh_token]': tokens.refresh_token,
    'auth[server_endpoint]': tokens.server_endpoint
  }
}

const expectRefusal = ({ status, headers }: Reply, what: string): void => {
  expect([status, headers.get('set-cookie'), headers.get('location')], what).toEqual([403, null, null])
}

describe.each([
  ['from a portal that is unknown', false],
  ['from a portal where the application is installed', true]
])('%s', (_, installed) => {
  /** Sends what `attack` sends; nobody but the app may be asked meanwhile, and nothing may change. */
  const tryAll = async (attack: (app: PortalApp, port: number) => Promise<void>): Promise<void> => {
    const canary = await openCanary()
    const app = await openPortalApp()
    if (installed) {
      await app.install()
      await app.session()
    }
    const outgoing = watchOutgoing(() => [app.origin])
    await changesNothing(app, () => attack(app, canary.port))
    expect(outgoing.requests()).toEqual([])
    expect(canary.contacts()).toBe(0)
  }

  test.each(tricks)('a portal by the trick: %s', trick =>
    tryAll(async (app, port) => {
      const hosts = evilHosts({ port, own: app.portal.host })[trick as 'IDN']
      for (const DOMAIN of hosts) {
        for (const path of ['/install', '/placement'] as const) {
          const reply = await app.post(path, {}, { query: { DOMAIN } })
          expectRefusal(reply, `${path} ${DOMAIN}`)
          expect(reply.text, DOMAIN).not.toContain('<script>.')
          expect(reply.headers.get('content-security-policy'), DOMAIN).toMatch(/frame-ancestors 'none'$/)
        }
      }
      const event = await installEvent(app)
      await refusedEvents(app, installed ? hosts.length : 0, async () => {
        for (const host of hosts) expect((await app.event({ ...event, 'auth[domain]': host })).status).toBe(200)
      })
    })
  )

  test.each(tricksOfEndpoints)('an authorization server by the trick: %s', trick =>
    tryAll(async (app, port) => {
      const endpoints = evilEndpoints({ port, own: app.authorization.host })[trick] ?? []
      for (const SERVER_ENDPOINT of endpoints) {
        for (const path of ['/install', '/placement'] as const) {
          expectRefusal(await app.post(path, {}, { fields: { SERVER_ENDPOINT } }), `${path} ${SERVER_ENDPOINT}`)
        }
      }
      const event = await installEvent(app)
      await refusedEvents(app, installed ? endpoints.length : 0, async () => {
        for (const endpoint of endpoints) {
          const fields = { ...event, 'auth[server_endpoint]': endpoint, 'auth[client_endpoint]': endpoint }
          expect((await app.event(fields)).status).toBe(200)
        }
      })
    })
  )
})

test('in other letters the address is the same: the grant decides', async () => {
  const app = await openPortalApp()
  for (const DOMAIN of ['portal.bitrix24.com', 'PORTAL.BITRIX24.COM', 'Portal.Bitrix24.com:443']) {
    await changesNothing(app, async () => {
      const { status, headers } = await app.post('/install', {}, { query: { DOMAIN } })
      expect([status, headers.get('content-security-policy')], DOMAIN).toEqual([
        403,
        expect.stringMatching(/frame-ancestors https:\/\/portal\.bitrix24\.com$/)
      ])
    })
  }
  const SERVER_ENDPOINT = app.authorization.origin.toUpperCase()
  expect((await app.post('/install', {}, { fields: { SERVER_ENDPOINT } })).status).toBe(200)
})
