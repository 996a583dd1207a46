// A run whose starter has lost access for good: an administrator lets it go on with their own rights, and from then on it is theirs.
// Must stay true: every row once, whoever's rights it took; a starter who still has access keeps the run.
import { beforeAll, describe, expect, it } from 'vitest'
import { KEYS } from '../support/portal-app.ts'
import { openRealApp, type RealApp } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const COUNT = 200
const RUN = { kind: 'create', companies: COUNT }

const open = async () => {
  const app = await openRealApp({ portal: { speed: { commandMs: 5, workers: 4 } } })
  await app.startProcess()
  await app.install()
  return { app, admin: await app.session(), starter: await app.session({ person: 2 }) }
}

const look = async (app: RealApp, session: string, id: string) => (await app.api(session, `/api/runs/${id}`)).body
const resume = (app: RealApp, session: string, id: string) =>
  app.api(session, `/api/runs/${id}/resume`, { method: 'POST' })

/** A run that is on; a batch of it was executed, and its answer got lost: those rows need to be looked up. */
const begun = async (app: RealApp, session: string): Promise<string> => {
  app.portal.faults.next('reset-after', { when: ({ writes }) => writes })
  const { body } = await app.startRun(session, RUN)
  await expect.poll(() => app.portal.faults.waiting).toBe(0)
  return body.id
}

const expectExactly = ({ portal: { state } }: RealApp): void => {
  expect(state.counts()).toEqual({ companies: COUNT, contacts: COUNT })
  const origins = [...state.records('company'), ...state.records('contact')].map(({ values }) => values['ORIGIN_ID'])
  expect(new Set(origins).size).toBe(2 * COUNT)
}

/** Takes the starter's access away; what the portal or the authorization server says of it from then on. */
const losses: [code: string, lose: (app: RealApp) => Promise<void>][] = [
  ['invalid_token', async app => app.portal.applications.revokeTokens(KEYS.clientId)],
  [
    'INVALID_GRANT',
    async app => {
      app.portal.applications.expireTokens(KEYS.clientId)
      await app.stored(async store => {
        const refresh = (await store.tokens(app.portal.memberId, '2'))?.refresh ?? ''
        const keys = { client_id: KEYS.clientId, client_secret: KEYS.clientSecret }
        const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, ...keys })
        const used = await fetch(`${app.authorization.origin}/oauth/token/`, { method: 'POST', body })
        expect(used.status).toBe(200)
      })
    }
  ]
]

describe.each(losses)('a run that ends with %s', (code, lose) => {
  it('goes on when an administrator resumes it', async () => {
    const { app, starter } = await open()
    const id = await begun(app, starter)
    await lose(app)
    const admin = await app.session()
    expect(await app.ended(admin, id)).toMatchObject({ status: 'failed', failure: { code } })
    expect((await resume(app, admin, id)).status).toBe(202)
    expect(await app.ended(admin, id)).toMatchObject({
      ...{ status: 'completed', failed: 0, startedBy: 'Мария Соколова' },
      created: { companies: COUNT, contacts: COUNT }
    })
    expectExactly(app)
  })
})

it('that was taken over and crashed stays with the administrator, also when its starter is back', async () => {
  const { app, starter } = await open()
  const id = await begun(app, starter)
  app.portal.applications.revokeTokens(KEYS.clientId)
  const admin = await app.session()
  const { done } = await app.ended(admin, id)
  expect((await resume(app, admin, id)).status).toBe(202)
  await expect.poll(async () => (await look(app, admin, id)).done).toBeGreaterThan(done)
  app.kill()
  await app.died()
  await app.start()
  const back = await app.session({ person: 2 })
  await expect.poll(async () => (await look(app, admin, id)).status, { timeout: 15_000 }).toBe('interrupted')
  expect(await resume(app, back, id)).toMatchObject({ status: 403, body: { error: 'ADMIN_REQUIRED' } })
  expect((await resume(app, admin, id)).status).toBe(202)
  expect(await app.ended(admin, id)).toMatchObject({ status: 'completed', failed: 0 })
  expectExactly(app)
})

it('that an administrator resumes stays with a starter who has access', async () => {
  const { app, admin, starter } = await open()
  const id = await begun(app, starter)
  await app.api(starter, `/api/runs/${id}/cancel`, { method: 'POST' })
  expect((await app.ended(starter, id)).status).toBe('cancelled')
  expect((await resume(app, admin, id)).status).toBe(202)
  await app.api(admin, `/api/runs/${id}/cancel`, { method: 'POST' })
  await app.ended(admin, id)
  expect((await resume(app, starter, id)).status).toBe(202)
  expect(await app.ended(starter, id)).toMatchObject({ status: 'completed', failed: 0 })
  expectExactly(app)
})
