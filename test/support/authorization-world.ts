// An emulated authorization server with a portal, and stores with tokens of it.
// Must stay true: real sockets and a real store.
import { onTestFinished } from 'vitest'
import { type AuthorizationServer, createAuthorizationServer } from '../../emulator/authorization-server.ts'
import { createEmulatedPortal } from '../../emulator/emulated-portal.ts'
import { createAuthorization } from '../../server/bitrix24/authorization.ts'
import { createTokenKeeper } from '../../server/bitrix24/token-keeper.ts'
import { Secret } from '../../server/config.ts'
import { type InstallationStore, Tokens } from '../../server/core/installation.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createVault } from '../../server/store/vault.ts'
import { systemClock } from '../../server/system-clock.ts'
import { engines, leasesOf, openAt } from './stores.ts'

/** An authorization server, a portal that trusts it, and our side of both; closed when the test ends. */
export const openAuthorization = async () => {
  const authorization: AuthorizationServer = await createAuthorizationServer()
  const portal = await createEmulatedPortal({ authorization })
  onTestFinished(async () => {
    await portal.close()
    await authorization.close()
  })
  const { clientId, clientSecret, memberId } = portal.credentials
  const asked: string[] = []
  const make = (
    changes: { clientSecret?: string; portalHosts?: readonly string[]; oauthUrls?: readonly string[] } = {}
  ) =>
    createAuthorization({
      clientId,
      clientSecret: new Secret(changes.clientSecret ?? clientSecret),
      oauthUrls: changes.oauthUrls ?? [authorization.origin],
      portalHosts: changes.portalHosts ?? [portal.host],
      fetch(input, init) {
        asked.push(new URL(String(input)).origin)
        return fetch(input, init)
      },
      now: Date.now
    })
  const grant = (person = 1) => {
    const set = portal.credentials.issueTokens(person)
    const claim = { domain: portal.host, memberId, accessToken: set.access_token, serverEndpoint: undefined }
    return { claim, tokens: new Tokens(String(person), set.access_token, set.refresh_token, set.expires * 1000) }
  }
  return { authorization, portal, memberId, asked, make, grant }
}

type Opened = Awaited<ReturnType<typeof openAuthorization>>

/** A store with an installation and tokens, and token keepers over it as several processes have them. */
export const openKeepers = async (
  opened: Opened,
  change: (store: InstallationStore) => InstallationStore = store => store
) => {
  const { memberId, portal, authorization } = opened
  const [sqlite] = engines
  const storage = await sqlite?.fresh()
  if (storage === undefined) throw new Error('SQLite is an engine')
  const db = await openAt(storage)
  const store = createInstallations(db, createVault('planted-app-secret-0123456789abcdef'))
  const { tokens } = opened.grant()
  await store.save(
    {
      ...{ memberId, origin: portal.origin, authorization: authorization.origin, applicationToken: null, scope: [] },
      ...{ status: 'active', boundTo: null, installedAt: 0, lastEventAt: 0 }
    },
    tokens
  )
  const keeper = (process: number) =>
    createTokenKeeper({
      store: change(store),
      leases: leasesOf(db, { owner: `here:${process}:start`, now: Date.now }),
      authorization: opened.make(),
      clock: systemClock
    })
  return { store, tokens, keeper }
}
