// Installations and tokens at rest, on both engines.
// Must stay true: what a reader of the database files sees holds no token.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Installation, Tokens } from '../../server/core/installation.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createVault } from '../../server/store/vault.ts'
import { engines, openAt, runOf, take } from '../support/stores.ts'

const SECRET = 'planted-app-secret-0123456789abcdef'
const MEMBER = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const installation = (memberId = MEMBER): Installation => ({
  memberId,
  origin: 'https://portal.bitrix24.com',
  authorization: 'https://oauth.bitrix.info',
  applicationToken: 'planted-application-token',
  scope: ['crm', 'placement'],
  status: 'new',
  boundTo: null,
  installedAt: 1_795_392_000_123,
  lastEventAt: 0
})
const tokens = (userId = '1', mark = '') =>
  new Tokens(userId, `planted-access${mark}`, `planted-refresh${mark}`, 1_795_392_000_456)
const shown = (found: Tokens | undefined) => found && [found.userId, found.access, found.refresh, found.expiresAt]

describe.each(engines)('$name', ({ fresh }) => {
  test('gives back what was stored, also to a later start', async () => {
    const storage = await fresh()
    const store = createInstallations(await openAt(storage), createVault(SECRET))
    expect([await store.find(MEMBER), await store.tokens(MEMBER, '1')]).toEqual([undefined, undefined])
    await store.save(installation(), tokens())
    await store.saveTokens(MEMBER, tokens('2', '-two'))
    await store.change(MEMBER, { status: 'active', boundTo: 'https://app.example', origin: 'https://new.bitrix24.com' })
    const later = createInstallations(await openAt(storage), createVault(SECRET))
    expect(await later.find(MEMBER)).toEqual({
      ...installation(),
      ...{ status: 'active', boundTo: 'https://app.example', origin: 'https://new.bitrix24.com' }
    })
    expect(shown(await later.tokens(MEMBER, '1'))).toEqual(shown(tokens()))
    expect(shown(await later.tokens(MEMBER, '2'))).toEqual(shown(tokens('2', '-two')))
    expect(await later.tokens(OTHER, '1')).toBeUndefined()
  })

  test('installs over an older installation', async () => {
    const store = createInstallations(await openAt(await fresh()), createVault(SECRET))
    await store.save(installation(), tokens())
    await store.save({ ...installation(), applicationToken: null, scope: [] }, tokens('1', '-new'))
    expect(await store.find(MEMBER)).toMatchObject({ applicationToken: null, scope: [] })
    expect((await store.tokens(MEMBER, '1'))?.access).toBe('planted-access-new')
  })

  test('keeps the newest of the tokens that pages and events bring at the same moment, in whatever order', async () => {
    const store = createInstallations(await openAt(await fresh()), createVault(SECRET))
    const brought = (age: number) =>
      new Tokens('1', `planted-access-${age}`, 'planted-refresh', 1_795_392_000_456 - age)
    await store.save(installation(), brought(9))
    await Promise.all([3, 0, 8, 1, 5, 2].map(age => store.saveTokens(MEMBER, brought(age))))
    expect(shown(await store.tokens(MEMBER, '1'))).toEqual(shown(brought(0)))
    // An installation whose handshake was sent again, and the same access token beside another refresh token.
    await store.save(installation(), brought(4))
    await store.saveTokens(MEMBER, new Tokens('1', 'planted-access-0', 'planted-other', 1_795_392_999_999))
    expect(shown(await store.tokens(MEMBER, '1'))).toEqual(shown(brought(0)))
  })

  test('replaces or forgets only the tokens that are still there', async () => {
    const store = createInstallations(await openAt(await fresh()), createVault(SECRET))
    const [old, refreshed, page] = [tokens(), tokens('1', '-refreshed'), tokens('1', '-page')]
    await store.save(installation(), old)
    await store.saveTokens(MEMBER, page)
    await store.replaceTokens(MEMBER, old, refreshed)
    await store.replaceTokens(MEMBER, old)
    expect(shown(await store.tokens(MEMBER, '1'))).toEqual(shown(page))
    // A refresh may bring tokens that end sooner.
    await store.replaceTokens(MEMBER, page, new Tokens('1', 'planted-access-short', 'planted-refresh', 1))
    expect((await store.tokens(MEMBER, '1'))?.access).toBe('planted-access-short')
    await store.replaceTokens(MEMBER, new Tokens('1', 'planted-access-short', '', 1))
    expect(await store.tokens(MEMBER, '1')).toBeUndefined()
    // Another process took the old ones for used up and forgot them: these are the only good ones.
    await store.replaceTokens(MEMBER, page, refreshed)
    expect(shown(await store.tokens(MEMBER, '1'))).toEqual(shown(refreshed))
    await store.remove(MEMBER, 1_795_392_000)
    await store.replaceTokens(MEMBER, refreshed, page)
    expect(await store.tokens(MEMBER, '1')).toBeUndefined()
  })

  test('a removed installation has no tokens, and takes none that come late', async () => {
    const store = createInstallations(await openAt(await fresh()), createVault(SECRET))
    await store.save(installation(), tokens())
    await store.save(installation(OTHER), tokens())
    await store.remove(MEMBER, 1_795_392_000)
    await store.change(MEMBER, { status: 'active', applicationToken: 'planted-late' })
    await store.saveTokens(MEMBER, tokens('1', '-late'))
    expect(await store.tokens(MEMBER, '1')).toBeUndefined()
    expect(await store.find(MEMBER)).toMatchObject({
      status: 'deleted',
      applicationToken: null,
      lastEventAt: 1_795_392_000
    })
    expect(await store.tokens(OTHER, '1')).toBeDefined()
  })

  test('a removed installation is not brought back by what was under way, but by a new one', async () => {
    const store = createInstallations(await openAt(await fresh()), createVault(SECRET))
    await store.save(installation(), tokens())
    await store.remove(MEMBER, 1_795_392_000)
    await store.change(MEMBER, { status: 'active', scope: ['crm'], applicationToken: 'planted-application-token' })
    await store.saveTokens(MEMBER, tokens('1', '-late'))
    expect(await store.find(MEMBER)).toMatchObject({ status: 'deleted', applicationToken: null })
    expect(await store.tokens(MEMBER, '1')).toBeUndefined()
    await store.save(installation(), tokens('1', '-new'))
    await store.change(MEMBER, { status: 'active' })
    expect(await store.find(MEMBER)).toMatchObject({ status: 'active', applicationToken: 'planted-application-token' })
    expect((await store.tokens(MEMBER, '1'))?.access).toBe('planted-access-new')
  })

  test('forgets the runs of one portal only, and none that a webhook has started there', async () => {
    const db = await openAt(await fresh())
    const store = createInstallations(db, createVault(SECRET))
    const journal = createJournal(db)
    for (const portalId of [MEMBER, OTHER]) {
      const lease = await take(db, portalId)
      for (const userId of ['1', null]) {
        const run = { ...runOf(`${portalId}-by-${userId}`, portalId), startedBy: { userId, name: 'Пётр' } }
        await journal.create(lease, run, [])
      }
    }
    await store.forgetRuns(MEMBER)
    const left = [...(await journal.list(MEMBER, 9)), ...(await journal.list(OTHER, 9))].map(({ id }) => id)
    expect(left.toSorted()).toEqual([`${MEMBER}-by-null`, `${OTHER}-by-1`, `${OTHER}-by-null`])
  })

  test.each(['[1]', 'no JSON', '["a","b"]'])(
    'takes tokens of another shape (%s) for none, and replaces them',
    async text => {
      const db = await openAt(await fresh())
      const vault = createVault(SECRET)
      const store = createInstallations(db, vault)
      await store.save(installation(), tokens())
      const sealed = await vault.seal(text, `${MEMBER}/1`)
      await db.updateTable('person_tokens').set({ sealed }).execute()
      expect(await store.tokens(MEMBER, '1')).toBeUndefined()
      await store.saveTokens(MEMBER, tokens('1', '-new'))
      expect((await store.tokens(MEMBER, '1'))?.access).toBe('planted-access-new')
    }
  )

  test('opens nothing that was sealed for another portal or person, or with another APP_SECRET', async () => {
    const db = await openAt(await fresh())
    const store = createInstallations(db, createVault(SECRET))
    await store.save(installation(), tokens())
    await store.save(installation(OTHER), tokens('1', '-other'))
    const rows = await db.selectFrom('person_tokens').selectAll().where('member_id', '=', OTHER).execute()
    await db
      .updateTable('person_tokens')
      .set({ sealed: rows[0]?.sealed ?? '' })
      .where('member_id', '=', MEMBER)
      .execute()
    expect(await store.tokens(MEMBER, '1')).toBeUndefined()
    const other = createInstallations(db, createVault(`${SECRET}x`))
    expect(await other.tokens(OTHER, '1')).toBeUndefined()
    expect(await other.find(OTHER)).toMatchObject({ applicationToken: null, origin: 'https://portal.bitrix24.com' })
  })
})

test('the files in DATA_DIR hold no token in clear', async () => {
  const [sqlite] = engines
  const storage = await sqlite?.fresh()
  if (storage === undefined || !('dataDir' in storage)) throw new Error('SQLite keeps files')
  const store = createInstallations(await openAt(storage), createVault(SECRET))
  await store.save(installation(), tokens())
  await store.remove(MEMBER, 1)
  await store.save(installation(), tokens())
  const files = readdirSync(storage.dataDir)
  expect(files).toContain('bitrixcorp.sqlite')
  for (const file of files) expect(readFileSync(join(storage.dataDir, file)).includes('planted'), file).toBe(false)
})

test('an altered or foreign text opens to nothing', async () => {
  const vault = createVault(SECRET)
  const sealed = await vault.seal('text', MEMBER)
  expect(await vault.open(sealed, MEMBER)).toBe('text')
  expect(await vault.open(sealed, OTHER)).toBeUndefined()
  const [header = '', ...rest] = sealed.split('.')
  const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), sub: OTHER }
  for (const text of [
    '',
    'x',
    `${sealed}x`,
    [Buffer.from(JSON.stringify(changed)).toString('base64url'), ...rest].join('.')
  ]) {
    expect(await vault.open(text, OTHER)).toBeUndefined()
    expect(await vault.open(text, MEMBER)).toBeUndefined()
  }
})
