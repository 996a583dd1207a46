// The official SDK against the emulated portal: what works on a real portal works here, and its flaws show here too.
// Must stay true: the SDK is used as it comes, apart from the scheme of B24Hook (sdk.md, section 2) and its waits.
import {
  AjaxError,
  ApiVersion,
  B24Hook,
  B24OAuth,
  EnumAppStatus,
  LoggerFactory,
  type TypeB24
} from '@bitrix24/b24jssdk'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { EmulatedPortal, EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import { openPortal } from './portal-client.ts'

/** One attempt and no waiting: the limits that count here are the portal's. A fresh object each time: the SDK changes it. */
const restrictionParams = () => ({
  rateLimit: { burstLimit: 1e9, drainRate: 1e9, adaptiveEnabled: false },
  maxRetries: 1,
  retryDelay: 0
})

function quiet<T extends B24Hook | B24OAuth>(client: T): T {
  client.setLogger(LoggerFactory.createNullLogger())
  client.offClientSideWarning()
  onTestFinished(() => client.destroy())
  return client
}

function hook(portal: EmulatedPortal, url = portal.webhookUrl): B24Hook {
  const [, , userId = '', secret = ''] = new URL(url).pathname.split('/')
  const credentials = { b24Url: `https://${portal.host}`, userId: Number(userId), secret }
  const client = quiet(new B24Hook(credentials, { restrictionParams: restrictionParams() }))
  client.getTargetOriginWithPath().set(ApiVersion.v2, `${portal.origin}/rest/${userId}/${secret}`)
  return client
}

function oauth(portal: EmulatedPortal, tokens = portal.credentials.issueTokens()): B24OAuth {
  const { clientId, clientSecret } = portal.credentials
  const params = {
    applicationToken: 'x'.repeat(32),
    userId: tokens.user_id,
    memberId: tokens.member_id,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expires: tokens.expires,
    expiresIn: tokens.expires_in,
    scope: tokens.scope,
    domain: portal.host,
    clientEndpoint: tokens.client_endpoint,
    serverEndpoint: tokens.server_endpoint,
    status: EnumAppStatus.Local
  }
  return quiet(new B24OAuth(params, { clientId, clientSecret }, { restrictionParams: restrictionParams() }))
}

describe.each([
  ['B24OAuth', (portal: EmulatedPortal): TypeB24 => oauth(portal)],
  ['B24Hook', (portal: EmulatedPortal): TypeB24 => hook(portal)]
])('%s', (_, connect) => {
  const open = async (options: EmulatedPortalOptions = {}) => {
    const portal = await openPortal(options)
    return { portal, v2: connect(portal).actions.v2 }
  }

  it('calls', async () => {
    const { portal, v2 } = await open()
    const added = await v2.call.make<number>({ method: 'crm.company.add', params: { fields: { TITLE: 'A & B <C>' } } })
    expect(added.getData()?.result).toBe(1)
    expect(portal.state.records('company')[0]?.values.TITLE).toBe('A & B <C>')
    const listed = await v2.call.make<{ ID: string }[]>({ method: 'crm.company.list', params: { select: ['ID'] } })
    expect([listed.getData()?.result, listed.getTotal()]).toEqual([[{ ID: '1' }], 1])
  })

  it('sends batches by array and by name', async () => {
    const { v2 } = await open()
    const byArray = await v2.batch.make({
      calls: [
        ['crm.company.add', { fields: { TITLE: 'A', PHONE: [{ VALUE: '+7 000 & #1', VALUE_TYPE: 'WORK' }] } }],
        ['crm.company.get', { id: 1 }]
      ],
      options: { isHaltOnError: true }
    })
    expect(byArray.getData()).toMatchObject([1, { ID: '1', PHONE: [{ VALUE: '+7 000 & #1' }] }])
    const byName = await v2.batch.make({
      calls: {
        company: { method: 'crm.company.add', params: { fields: { TITLE: 'B' } } },
        contact: { method: 'crm.contact.add', params: { fields: { NAME: 'C', COMPANY_IDS: ['$result[company]'] } } },
        links: { method: 'crm.contact.company.items.get', params: { id: '$result[contact]' } }
      }
    })
    expect(byName.getData()).toMatchObject({ company: 2, contact: 1, links: [{ COMPANY_ID: 2 }] })
  })

  it('lists everything with callList and fetchList', async () => {
    const { v2 } = await open({ seed: { companies: 120 } })
    const params = { select: ['ID'] }
    const all = await v2.callList.make<{ ID: string }>({ method: 'crm.company.list', params })
    expect(all.getData()).toHaveLength(120)
    const sizes: number[] = []
    for await (const page of v2.fetchList.make<{ ID: string }>({ method: 'crm.company.list', params }))
      sizes.push(page.length)
    expect(sizes).toEqual([50, 50, 20])
    const items = { method: 'crm.item.list', params: { entityTypeId: 4 }, idKey: 'id', customKeyForResult: 'items' }
    expect((await v2.callList.make<{ id: number }>(items)).getData()).toHaveLength(120)
  })

  it('sends more than 50 commands with batchByChunk', async () => {
    const { portal, v2 } = await open()
    const calls = Array.from(
      { length: 120 },
      (_, at) => ['crm.company.add', { fields: { TITLE: `${at}` } }] as [string, object]
    )
    const added = await v2.batchByChunk.make<number>({ calls })
    expect(added.getData()).toEqual(Array.from({ length: 120 }, (_, at) => at + 1))
    expect(portal.stats.batches).toBe(3)
  })

  it('trap 1: loses classic errors, alone and in a batch', async () => {
    const { v2 } = await open()
    const params = { method: 'crm.company.get', params: { id: 404 } }
    const lost = await v2.call.make(params).catch((cause: unknown) => cause)
    expect(lost).toBeInstanceOf(AjaxError)
    expect(lost).toMatchObject({ code: 'ERR_BAD_REQUEST', status: 400 })
    const batch = await v2.batch.make({ calls: [params], options: { isHaltOnError: false, returnAjaxResult: true } })
    expect(batch.isSuccess).toBe(true)
    const coded = await v2.call.make({ method: 'no.such.method' }).catch((cause: unknown) => cause)
    expect(coded).toMatchObject({ code: 'ERROR_METHOD_NOT_FOUND', status: 404 })
  })

  it('meets the limits', async () => {
    const { portal, v2 } = await open({ bucket: { size: 2, drainPerSecond: 0 } })
    const profile = () => v2.call.make({ method: 'profile' }).catch((cause: unknown) => cause)
    await profile()
    portal.faults.next('operating-limit', { when: () => true })
    expect(await profile()).toMatchObject({ code: 'OPERATION_TIME_LIMIT', status: 429 })
    expect(await profile()).toMatchObject({ code: 'QUERY_LIMIT_EXCEEDED', status: 503 })
  })
})

describe('B24OAuth', () => {
  it('refreshes an expired token by itself, keeps the new one and goes on', async () => {
    const portal = await openPortal()
    const tokens = portal.credentials.issueTokens(2)
    const client = oauth(portal, tokens)
    const refreshed: string[] = []
    client.setCallbackRefreshAuth(async ({ authData }) => {
      refreshed.push(authData.access_token)
    })
    portal.credentials.expireToken(tokens.access_token)
    for (let round = 0; round < 2; round += 1) {
      const answer = await client.actions.v2.call.make<{ ID: string }>({ method: 'profile' })
      expect(answer.getData()?.result.ID).toBe('2')
    }
    expect(refreshed).toHaveLength(1)
    expect(refreshed[0]).not.toBe(tokens.access_token)
    expect(portal.stats.answers).toEqual({ 200: 2, 401: 1 })
  })

  it('cannot refresh what was taken back', async () => {
    const portal = await openPortal()
    const client = oauth(portal)
    portal.credentials.revokeTokens()
    const lost = await client.actions.v2.call.make({ method: 'profile' }).catch((cause: unknown) => cause)
    expect(lost).toBeInstanceOf(AjaxError)
    expect((lost as AjaxError).originalError).toMatchObject({ code: 'invalid_grant', status: 400 })
  })
})
