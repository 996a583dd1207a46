// Tokens against the emulated authorization server: proving them, and refreshing them exactly once.
// Must stay true: real sockets and a real store; a server that is not on the list is never asked.
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AuthorizationServer, createAuthorizationServer } from '../../emulator/authorization-server.ts'
import { createEmulatedPortal } from '../../emulator/emulated-portal.ts'
import { createAuthorization } from '../../server/bitrix24/authorization.ts'
import { createTokenKeeper } from '../../server/bitrix24/token-keeper.ts'
import { Secret } from '../../server/config.ts'
import { type InstallationStore, Tokens } from '../../server/core/installation.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createVault } from '../../server/store/vault.ts'
import { systemClock } from '../../server/system-clock.ts'
import { openCanary } from '../support/canary.ts'
import { engines, leasesOf, openAt } from '../support/stores.ts'

const open = async () => {
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

type Opened = Awaited<ReturnType<typeof open>>

/** A store with an installation and tokens, and token keepers over it as several processes have them. */
const openKeepers = async (
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

describe('a grant', () => {
  test('is confirmed by the server, also when the request names it or names none', async () => {
    const { make, grant, portal, authorization } = await open()
    const { claim } = grant(2)
    const expected = { origin: portal.origin, authorization: authorization.origin, userId: '2' }
    expect(await make().verify(claim)).toMatchObject(expected)
    expect(await make().verify({ ...claim, serverEndpoint: `${authorization.origin}/rest/` })).toMatchObject(expected)
    expect((await make().verify(claim)).scope).toContain('placement')
  })

  test('is looked for at every server of the list when the request names none', async () => {
    const opened = await open()
    const other = await createAuthorizationServer()
    onTestFinished(() => other.close())
    const authorization = opened.make({ oauthUrls: [other.origin, opened.authorization.origin] })
    expect(await authorization.verify(opened.grant().claim)).toMatchObject({
      authorization: opened.authorization.origin
    })
    expect(other.stats.appInfos).toBe(1)
  })

  test('counts for its own application, portal and host alone', async () => {
    const opened = await open()
    const { claim } = opened.grant()
    const { portal } = opened
    const keys = portal.registerApplication({
      ...{ handlerUrl: 'http://127.0.0.1:9/x', title: { ru: 'x', en: 'x' }, scope: ['crm'] }
    })
    const foreign = portal.applications.issueTokens(keys.clientId).access_token
    for (const wrong of [
      { ...claim, accessToken: foreign },
      { ...claim, memberId: 'f'.repeat(32) },
      { ...claim, domain: 'portal.bitrix24.com' },
      { ...claim, accessToken: 'f'.repeat(70) }
    ]) {
      const asking = opened.make({ portalHosts: [portal.host, 'portal.bitrix24.com'] }).verify(wrong)
      await expect(asking).rejects.toMatchObject({ code: 'GRANT_REFUSED', status: 403 })
    }
  })

  test('for a portal or server off the lists asks nobody', async () => {
    const canary = await openCanary()
    const opened = await open()
    const { claim } = opened.grant()
    const evil = `127.0.0.1:${canary.port}`
    for (const wrong of [
      { ...claim, domain: evil },
      { ...claim, serverEndpoint: `http://${evil}/rest/` },
      { ...claim, serverEndpoint: `${opened.authorization.origin}@${evil}/rest/` }
    ]) {
      await expect(opened.make().verify(wrong)).rejects.toMatchObject({ code: 'GRANT_REFUSED' })
    }
    expect([opened.asked, canary.contacts()]).toEqual([[], 0])
  })
})

describe('refreshing', () => {
  test('rotates: new tokens, the same person', async () => {
    const { make, grant, memberId, authorization, portal } = await open()
    const { tokens } = grant(2)
    const refreshed = await make().refresh(authorization.origin, memberId, tokens)
    expect(refreshed).toMatchObject({ tokens: { userId: '2' }, origin: portal.origin })
    expect(refreshed.tokens.access === tokens.access || refreshed.tokens.refresh === tokens.refresh).toBe(false)
    await expect(make().refresh(authorization.origin, memberId, tokens)).rejects.toMatchObject({
      ...{ kind: 'blocked', code: 'INVALID_GRANT', message: expect.stringContaining('откройте приложение') }
    })
  })

  test('says what is wrong: keys, foreign tokens, a server that is away or off the list', async () => {
    const { make, grant, memberId, authorization } = await open()
    const { tokens } = grant()
    const { origin } = authorization
    const refresh = (server: string, changes = {}, member = memberId) => make(changes).refresh(server, member, tokens)
    await expect(refresh(origin, { clientSecret: 'wrong' })).rejects.toMatchObject({
      kind: 'blocked',
      code: 'invalid_client'
    })
    await expect(refresh('http://127.0.0.1:9')).rejects.toMatchObject({ code: 'AUTHORIZATION_NOT_ALLOWED' })
    authorization.failNext('html-502')
    await expect(refresh(origin)).rejects.toMatchObject({ kind: 'unreachable' })
    authorization.failNext('reset-before')
    await expect(refresh(origin)).rejects.toMatchObject({ kind: 'unreachable' })
    await expect(refresh(origin, {}, 'f'.repeat(32))).rejects.toMatchObject({ code: 'FOREIGN_TOKENS' })
  })

  test('happens once for twenty who need it at the same time, in three processes', async () => {
    const opened = await open()
    const { store, tokens, keeper } = await openKeepers(opened)
    const keepers = [keeper(1), keeper(2), keeper(3)]
    const renewed = await Promise.all(
      Array.from({ length: 20 }, (_, at) => keepers[at % 3]?.renew(opened.memberId, '1', tokens.access))
    )
    expect(opened.authorization.stats.refreshes).toBe(1)
    expect(new Set(renewed.map(each => each?.access)).size).toBe(1)
    // A late refusal of the old token does not rotate again.
    expect((await keeper(4).renew(opened.memberId, '1', tokens.access)).access).toBe(renewed[0]?.access)
    expect(opened.authorization.stats.refreshes).toBe(1)
    expect((await store.tokens(opened.memberId, '1'))?.access).toBe(renewed[0]?.access)
  })

  test('is saved before anybody uses it, and not lost when the store fails at that moment', async () => {
    const opened = await open()
    let broken = true
    const { store, tokens, keeper } = await openKeepers(opened, real => ({
      ...real,
      saveTokens: (memberId, fresh) =>
        broken ? Promise.reject(new Error('disk full')) : real.saveTokens(memberId, fresh)
    }))
    const process = keeper(1)
    await expect(process.renew(opened.memberId, '1', tokens.access)).rejects.toThrow('disk full')
    broken = false
    const saved = await process.renew(opened.memberId, '1', tokens.access)
    expect(saved.access).not.toBe(tokens.access)
    expect((await store.tokens(opened.memberId, '1'))?.refresh).toBe(saved.refresh)
    expect(opened.authorization.stats.refreshes).toBe(1)
  })

  test('that the server refuses for good forgets the tokens, unless newer ones have come', async () => {
    const opened = await open()
    const { store, tokens, keeper } = await openKeepers(opened)
    await opened.make().refresh(opened.authorization.origin, opened.memberId, tokens)
    await expect(keeper(1).renew(opened.memberId, '1', tokens.access)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    expect(await store.tokens(opened.memberId, '1')).toBeUndefined()
    await expect(keeper(1).current(opened.memberId, '1')).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    const { tokens: fresh } = opened.grant()
    await store.saveTokens(opened.memberId, fresh)
    expect((await keeper(1).renew(opened.memberId, '1', tokens.access)).access).toBe(fresh.access)
  })
})
