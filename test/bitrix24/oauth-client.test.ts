// The client that acts with a person's tokens, against bare servers that answer what a test tells them to.
// Must stay true: a request goes out again only after an answer which says that nothing was executed.
import { expect, onTestFinished, test } from 'vitest'
import { type Access, createOAuthClient } from '../../server/bitrix24/oauth-client.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import { PortalFailure } from '../../server/core/portal.ts'
import { openCanary } from '../support/canary.ts'
import { type Answer, batch, json, type RawPortal, startRawPortal } from './raw-portal.ts'

const OLD = 'planted-old-token'
const NEW = 'planted-new-token'
const COMMANDS = [{ key: 'c1', method: 'crm.company.add', params: { fields: { TITLE: 'A' } } }]
const expired = json(401, { error: 'expired_token', error_description: 'The access token provided has expired.' })
const done = batch({ result: { c1: 7 } })

const start = async (answer: Answer): Promise<RawPortal> => {
  const raw = await startRawPortal(answer)
  onTestFinished(() => raw.close())
  return raw
}

const portalAt = (raw: RawPortal, access: Partial<Access> = {}, requestSeconds = 60) => {
  const client = createOAuthClient(
    {
      origin: async () => raw.origin,
      token: async () => OLD,
      renew: async () => NEW,
      moved: async () => undefined,
      settled: async () => undefined,
      ...access
    },
    { requestSeconds, now: Date.now }
  )
  onTestFinished(() => client.close())
  return createRestPortal({ id: 'm', host: raw.host, client })
}

const tokensOf = (raw: RawPortal): string[] => raw.received.map(({ body }) => JSON.parse(body).auth)

test('sends the token in the body and never in the address', async () => {
  const raw = await start(done)
  const { outcomes } = await portalAt(raw).execute(COMMANDS, { halt: false })
  expect(outcomes.get('c1')).toEqual({ kind: 'ok', result: 7 })
  expect(raw.received[0]?.path).toMatch(/^\/rest\/batch\?/)
  expect(raw.received[0]?.path).not.toContain(OLD)
  expect(tokensOf(raw)).toEqual([OLD])
})

test('an expired token is renewed once, and the request repeated with the new one', async () => {
  const raw = await start((response, request, body) => (body.includes(OLD) ? expired : done)(response, request, body))
  const refused: string[] = []
  const portal = portalAt(raw, {
    async renew(token) {
      refused.push(token)
      return NEW
    }
  })
  expect((await portal.execute(COMMANDS, { halt: true })).outcomes.get('c1')).toMatchObject({ kind: 'ok' })
  expect([tokensOf(raw), refused]).toEqual([[OLD, NEW], [OLD]])
})

test('a new token that ends while the request waits at the portal is renewed in its turn', async () => {
  const raw = await start((response, request, body) =>
    (body.includes('third-token-0001') ? done : expired)(response, request, body)
  )
  const next = [NEW, 'third-token-0001']
  const portal = portalAt(raw, { renew: async () => next.shift() ?? OLD })
  expect((await portal.execute(COMMANDS, { halt: true })).outcomes.get('c1')).toMatchObject({ kind: 'ok' })
  expect(raw.received).toHaveLength(3)
})

test('new tokens that are refused too are a failure, not a loop', async () => {
  const raw = await start(expired)
  await expect(portalAt(raw).execute(COMMANDS, { halt: false })).rejects.toMatchObject({
    ...{ kind: 'blocked', code: 'expired_token' }
  })
  expect(raw.received).toHaveLength(3)
})

test('repeats do not get time of their own: all is over when one answer would have been waited for', async () => {
  const raw = await start((response, request, body) => {
    if (body.includes(OLD)) setTimeout(() => expired(response, request, body), 300)
  })
  const begun = Date.now()
  const failure = portalAt(raw, {}, 0.4).execute(COMMANDS, { halt: false })
  await expect(failure).rejects.toMatchObject({ kind: 'lost', code: 'TIMED_OUT' })
  expect(tokensOf(raw)).toEqual([OLD, NEW])
  expect(Date.now() - begun).toBeLessThan(700)
})

test('a request whose new token comes too late is not repeated, and its outcome is not claimed', async () => {
  const raw = await start(expired)
  const portal = portalAt(raw, { renew: () => new Promise(resolve => setTimeout(resolve, 250, NEW)) }, 0.1)
  await expect(portal.execute(COMMANDS, { halt: false })).rejects.toMatchObject({ kind: 'lost', code: 'TIMED_OUT' })
  expect(tokensOf(raw)).toEqual([OLD])
})

test('no other refusal is answered with a refresh', async () => {
  for (const [status, error] of [
    [401, 'invalid_token'],
    [401, 'NO_AUTH_FOUND'],
    [403, 'expired_token'],
    [503, 'QUERY_LIMIT_EXCEEDED'],
    [500, 'INTERNAL_SERVER_ERROR']
  ] as const) {
    const raw = await start(json(status, { error, error_description: '' }))
    const portal = portalAt(raw, { renew: () => Promise.reject(new Error('must not be asked')) })
    await expect(portal.execute(COMMANDS, { halt: false })).rejects.toBeInstanceOf(PortalFailure)
    expect(raw.received, error).toHaveLength(1)
  }
})

test('why a token cannot be renewed is what the request fails with', async () => {
  const raw = await start(expired)
  const failure = new PortalFailure('blocked', 'INVALID_GRANT', 'Open the application in the portal again')
  const portal = portalAt(raw, { renew: () => Promise.reject(failure) })
  await expect(portal.execute(COMMANDS, { halt: false })).rejects.toBe(failure)
})

test('a renamed portal is followed once, with the same POST, to an address that is allowed', async () => {
  const target = await start(done)
  const moving =
    (to: string): Answer =>
    (response, request) => {
      response.writeHead(302, { location: `${to}${request.url}` }).end()
    }
  const raw = await start(moving(target.origin))
  const asked: string[] = []
  const portal = portalAt(raw, {
    async moved(address) {
      asked.push(new URL(address).origin)
      return target.origin
    }
  })
  expect((await portal.execute(COMMANDS, { halt: false })).outcomes.get('c1')).toMatchObject({ kind: 'ok' })
  expect(asked).toEqual([target.origin])
  expect([target.received[0]?.method, target.received[0]?.body]).toEqual(['POST', raw.received[0]?.body])

  const again = await start(moving(raw.origin))
  const bouncing = portalAt(again, { moved: async () => raw.origin })
  await expect(bouncing.execute(COMMANDS, { halt: false })).rejects.toMatchObject({ code: 'PORTAL_MOVED' })
  expect(target.received).toHaveLength(1)
})

test('an address that is not allowed is not followed', async () => {
  const canary = await openCanary()
  const raw = await start(response => {
    response.writeHead(302, { location: `http://127.0.0.1:${canary.port}/rest/batch` }).end()
  })
  await expect(portalAt(raw).execute(COMMANDS, { halt: false })).rejects.toMatchObject({
    ...{ kind: 'blocked', code: 'PORTAL_MOVED', message: expect.stringContaining('BITRIX_PORTAL_HOSTS') }
  })
  expect(canary.contacts()).toBe(0)
})

test('a portal that repeats the token in its answer does not get it any further', async () => {
  const raw = await start((response, _, body) => {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: 'X', error_description: `You sent ${JSON.parse(body).auth}` }))
  })
  const failure = await portalAt(raw).execute(COMMANDS, { halt: false }).catch(String)
  expect(failure).not.toContain(OLD)
})
