// Refreshing tokens at the emulated authorization server: exactly once, and never losing one.
// Must stay true: real sockets and a real store.
import { describe, expect, onTestFinished, test } from 'vitest'
import { createOAuthClient } from '../../server/bitrix24/oauth-client.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import { storageFailed } from '../../server/core/errors.ts'
import { openAuthorization, openKeepers } from '../support/authorization-world.ts'

/** A refresh has just brought new tokens, and the store did not take them. From now on it takes everything. */
const openUnsaved = async () => {
  const opened = await openAuthorization()
  let broken = true
  const { store, tokens, keeper } = await openKeepers(opened, real => ({
    ...real,
    replaceTokens: (memberId, old, fresh) =>
      broken && fresh !== undefined
        ? Promise.reject(storageFailed('disk full'))
        : real.replaceTokens(memberId, old, fresh)
  }))
  const process = keeper(1)
  await expect(process.renew(opened.memberId, '1', tokens.access)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  broken = false
  return { opened, store, tokens, process, keeper }
}

describe('refreshing', () => {
  test('rotates: new tokens, the same person', async () => {
    const { make, grant, memberId, authorization, portal } = await openAuthorization()
    const { tokens } = grant(2)
    const refreshed = await make().refresh(authorization.origin, memberId, tokens)
    expect(refreshed).toMatchObject({ tokens: { userId: '2' }, origin: portal.origin })
    expect(refreshed.tokens.access === tokens.access || refreshed.tokens.refresh === tokens.refresh).toBe(false)
    await expect(make().refresh(authorization.origin, memberId, tokens)).rejects.toMatchObject({
      ...{
        kind: 'blocked',
        code: 'INVALID_GRANT',
        message: expect.stringContaining('Open the application in the portal again')
      }
    })
  })

  test('says what is wrong: keys, foreign tokens, a server that is away or off the list', async () => {
    const { make, grant, memberId, authorization } = await openAuthorization()
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

  test('gives up on a silent server well before the lease on the tokens lapses', async () => {
    const { make, grant, memberId, authorization } = await openAuthorization()
    authorization.failNext('hold')
    const asked = performance.now()
    const refreshed = make().refresh(authorization.origin, memberId, grant().tokens)
    await expect(refreshed).rejects.toMatchObject({ kind: 'unreachable', code: 'AUTHORIZATION_UNREACHABLE' })
    expect(performance.now() - asked).toBeLessThan((15_000 * 2) / 3)
  }, 20_000)

  test('happens once for twenty who need it at the same time, in three processes', async () => {
    const opened = await openAuthorization()
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
    const { opened, store, tokens, process } = await openUnsaved()
    const saved = await process.renew(opened.memberId, '1', tokens.access)
    expect(saved.access).not.toBe(tokens.access)
    expect((await store.tokens(opened.memberId, '1'))?.refresh).toBe(saved.refresh)
    expect(opened.authorization.stats.refreshes).toBe(1)
  })

  test('that the store did not take is not lost to a process that uses the old tokens meanwhile', async () => {
    const { opened, store, tokens, process, keeper } = await openUnsaved()
    const other = keeper(2).renew(opened.memberId, '1', tokens.access)
    await expect(other).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    expect(await store.tokens(opened.memberId, '1')).toBeUndefined()
    const saved = await process.current(opened.memberId, '1')
    expect((await store.tokens(opened.memberId, '1'))?.refresh).toBe(saved.refresh)
    expect((await keeper(2).renew(opened.memberId, '1', tokens.access)).access).toBe(saved.access)
  })

  test('that the store did not take does not replace what a page has brought since', async () => {
    const { opened, store, process } = await openUnsaved()
    const { tokens: page } = opened.grant()
    await store.saveTokens(opened.memberId, page)
    expect((await process.current(opened.memberId, '1')).access).toBe(page.access)
  })

  test('that the server refuses for good spares the tokens that a page brings at that moment', async () => {
    const opened = await openAuthorization()
    const { store, tokens, keeper } = await openKeepers(opened, real => ({
      ...real,
      async replaceTokens(memberId, old, fresh) {
        await real.saveTokens(memberId, page)
        await real.replaceTokens(memberId, old, fresh)
      }
    }))
    // Later than the stored ones: older tokens are no news.
    const { tokens: page } = opened.grant()
    await opened.make().refresh(opened.authorization.origin, opened.memberId, tokens)
    expect((await keeper(1).renew(opened.memberId, '1', tokens.access)).access).toBe(page.access)
    expect((await store.tokens(opened.memberId, '1'))?.access).toBe(page.access)
  })

  test('that fails inside us is not taken for a lost connection', async () => {
    const opened = await openAuthorization()
    const { keeper } = await openKeepers(opened, real => ({
      ...real,
      tokens: () => Promise.reject(new TypeError('planted-secret is not iterable'))
    }))
    const client = createOAuthClient(
      {
        origin: async () => opened.portal.origin,
        token: async () => (await keeper(1).current(opened.memberId, '1')).access,
        renew: async () => '',
        moved: async () => undefined,
        settled: async () => undefined
      },
      { requestSeconds: 60, now: Date.now }
    )
    onTestFinished(() => client.close())
    const portal = createRestPortal({ id: opened.memberId, host: opened.portal.host, client })
    const asked = portal.execute([{ key: 'profile', method: 'profile', params: {} }], { halt: false })
    await expect(asked).rejects.toMatchObject({
      ...{ kind: 'blocked', code: 'INTERNAL_ERROR', message: expect.not.stringContaining('planted') }
    })
  })

  test('that the server refuses for good forgets the tokens, unless newer ones have come', async () => {
    const opened = await openAuthorization()
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
