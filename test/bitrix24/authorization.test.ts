// Grants against the emulated authorization server: which of them count.
// Must stay true: real sockets; a server that is not on the list is never asked.
import { describe, expect, onTestFinished, test } from 'vitest'
import { createAuthorizationServer } from '../../emulator/authorization-server.ts'
import { openAuthorization } from '../support/authorization-world.ts'
import { openCanary } from '../support/canary.ts'

describe('a grant', () => {
  test('is confirmed by the server, also when the request names it or names none', async () => {
    const { make, grant, portal, authorization } = await openAuthorization()
    const { claim } = grant(2)
    const expected = { origin: portal.origin, authorization: authorization.origin, userId: '2' }
    expect(await make().verify(claim)).toMatchObject(expected)
    expect(await make().verify({ ...claim, serverEndpoint: `${authorization.origin}/rest/` })).toMatchObject(expected)
    expect((await make().verify(claim)).scope).toContain('placement')
  })

  test('is looked for at every server of the list when the request names none', async () => {
    const opened = await openAuthorization()
    const other = await createAuthorizationServer()
    onTestFinished(() => other.close())
    const authorization = opened.make({ oauthUrls: [other.origin, opened.authorization.origin] })
    expect(await authorization.verify(opened.grant().claim)).toMatchObject({
      authorization: opened.authorization.origin
    })
    expect(other.stats.appInfos).toBe(1)
  })

  test('is refused only by every server together: while one of them is away, nobody can say', async () => {
    const opened = await openAuthorization()
    const other = await createAuthorizationServer()
    onTestFinished(() => other.close())
    const { claim } = opened.grant()
    const servers = [other.origin, opened.authorization.origin]
    for (const oauthUrls of [servers, servers.toReversed()]) {
      const { verify } = opened.make({ oauthUrls })
      for (const [fault, times] of [
        ['html-502', 1],
        ['reset-before', 2]
      ] as const) {
        opened.authorization.failNext(fault, times)
        await expect(verify(claim)).rejects.toMatchObject({ code: 'AUTHORIZATION_UNREACHABLE', status: 502 })
      }
      const stranger = { ...claim, accessToken: 'f'.repeat(70) }
      await expect(verify(stranger)).rejects.toMatchObject({ code: 'GRANT_REFUSED', status: 403 })
    }
  })

  test('is asked for once more when the connection breaks', async () => {
    const { make, grant, authorization } = await openAuthorization()
    for (const fault of ['reset-before', 'reset-after'] as const) {
      authorization.failNext(fault)
      expect(await make().verify(grant().claim)).toMatchObject({ userId: '1' })
    }
  })

  test('counts for its own application, portal and host alone', async () => {
    const opened = await openAuthorization()
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
    const opened = await openAuthorization()
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
