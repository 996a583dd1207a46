// Installations and their people's tokens on disk.
// Must stay true: tokens and application tokens are sealed; a deleted installation has none; one transaction a change.
import type { Kysely, Transaction } from 'kysely'
import { z } from 'zod'
import {
  areNews,
  type Installation,
  type InstallationChange,
  type InstallationStore,
  Tokens
} from '../core/installation.ts'
import type { Database } from './database.ts'
import type { InstallationTable, Schema } from './schema.ts'
import { orStorageFailure } from './storage-failure.ts'
import type { Vault } from './vault.ts'

const sealedTokens = z.tuple([z.string(), z.string(), z.number()])
/** Undefined for a text of another shape: like one that does not open, it is no secret of ours. */
const readSealed = (text: string): z.infer<typeof sealedTokens> | undefined => {
  try {
    return sealedTokens.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
const tokensOf = (memberId: string, userId: string): string => `${memberId}/${userId}`

/** An update that changes nothing: nobody else changes the installation before this transaction ends. */
const lockRow = (tx: Transaction<Schema>, memberId: string): Promise<Pick<InstallationTable, 'status'> | undefined> =>
  tx
    .updateTable('installation')
    .set({ member_id: memberId })
    .where('member_id', '=', memberId)
    .returning('status')
    .executeTakeFirst()

/** What the page of a webhook of the same portal has done is not the application's. */
const eraseRuns = async (tx: Transaction<Schema>, memberId: string): Promise<void> => {
  await tx
    .deleteFrom('run')
    .where('portal_id', '=', memberId)
    .where('started_by', 'not like', '{"userId":null,%') // as JSON.stringify writes a run's StartedBy
    .execute()
}

export const createInstallations = (db: Database, vault: Vault): InstallationStore => {
  const sealApplicationToken = async (memberId: string, token: string | null): Promise<string | null> =>
    token === null ? null : vault.seal(token, memberId)

  const readTokens = async (from: Kysely<Schema>, memberId: string, userId: string): Promise<Tokens | undefined> => {
    const row = await from
      .selectFrom('person_tokens')
      .select('sealed')
      .where('member_id', '=', memberId)
      .where('user_id', '=', userId)
      .executeTakeFirst()
    const text = row === undefined ? undefined : await vault.open(row.sealed, tokensOf(memberId, userId))
    const sealed = text === undefined ? undefined : readSealed(text)
    if (sealed === undefined) return undefined
    const [access, refresh, expiresAt] = sealed
    return new Tokens(userId, access, refresh, expiresAt)
  }
  const putTokens = async (tx: Transaction<Schema>, memberId: string, tokens: Tokens): Promise<void> => {
    const { userId, access, refresh, expiresAt } = tokens
    const sealed = await vault.seal(JSON.stringify([access, refresh, expiresAt]), tokensOf(memberId, userId))
    await tx
      .insertInto('person_tokens')
      .values({ member_id: memberId, user_id: userId, sealed })
      .onConflict(conflict => conflict.columns(['member_id', 'user_id']).doUpdateSet({ sealed }))
      .execute()
  }
  const putNews = async (tx: Transaction<Schema>, memberId: string, tokens: Tokens): Promise<void> => {
    if (areNews(tokens, await readTokens(tx, memberId, tokens.userId))) await putTokens(tx, memberId, tokens)
  }
  /** Nobody else changes the installation or its tokens before `work` is done. A deleted one is left alone. */
  const whileInstalled = (memberId: string, work: (tx: Transaction<Schema>) => Promise<void>): Promise<void> =>
    orStorageFailure(
      db,
      db.transaction().execute(async tx => {
        const { status = 'deleted' } = (await lockRow(tx, memberId)) ?? {}
        if (status !== 'deleted') await work(tx)
      })
    )

  const columnsOf = async (memberId: string, change: InstallationChange): Promise<Partial<InstallationTable>> => ({
    ...(change.origin === undefined ? {} : { origin: change.origin }),
    ...(change.authorization === undefined ? {} : { authorization_server: change.authorization }),
    ...(change.applicationToken === undefined
      ? {}
      : { application_token: await sealApplicationToken(memberId, change.applicationToken) }),
    ...(change.scope === undefined ? {} : { scope: change.scope.join(',') }),
    ...(change.status === undefined ? {} : { status: change.status }),
    ...(change.boundTo === undefined ? {} : { bound_to: change.boundTo }),
    ...(change.installedAt === undefined ? {} : { installed_at: change.installedAt }),
    ...(change.lastEventAt === undefined ? {} : { last_event_at: change.lastEventAt })
  })

  return {
    async find(memberId) {
      const row = await orStorageFailure(
        db,
        db.selectFrom('installation').selectAll().where('member_id', '=', memberId).executeTakeFirst()
      )
      if (row === undefined) return undefined
      const applicationToken =
        row.application_token === null ? undefined : await vault.open(row.application_token, memberId)
      return {
        memberId,
        origin: row.origin,
        authorization: row.authorization_server,
        applicationToken: applicationToken ?? null,
        scope: row.scope === '' ? [] : row.scope.split(','),
        status: row.status,
        boundTo: row.bound_to,
        installedAt: row.installed_at,
        lastEventAt: row.last_event_at
      }
    },
    async save(installation: Installation, tokens) {
      const { memberId } = installation
      const row: InstallationTable = {
        member_id: memberId,
        origin: installation.origin,
        authorization_server: installation.authorization,
        application_token: await sealApplicationToken(memberId, installation.applicationToken),
        scope: installation.scope.join(','),
        status: installation.status,
        bound_to: installation.boundTo,
        installed_at: installation.installedAt,
        last_event_at: installation.lastEventAt
      }
      await orStorageFailure(
        db,
        db.transaction().execute(async tx => {
          await tx
            .insertInto('installation')
            .values(row)
            .onConflict(conflict => conflict.column('member_id').doUpdateSet(row))
            .execute()
          await putNews(tx, memberId, tokens)
        })
      )
    },
    async change(memberId, change) {
      const columns = await columnsOf(memberId, change)
      await orStorageFailure(
        db,
        db
          .updateTable('installation')
          .set(columns)
          .where('member_id', '=', memberId)
          .where('status', '!=', 'deleted') // only `save` brings one back
          .execute()
      )
    },
    tokens: (memberId, userId) => orStorageFailure(db, readTokens(db, memberId, userId)),
    async people(memberId) {
      const query = db
        .selectFrom('person_tokens')
        .select('user_id')
        .where('member_id', '=', memberId)
        .orderBy('user_id')
      return (await orStorageFailure(db, query.execute())).map(({ user_id }) => user_id)
    },
    async saveTokens(memberId, tokens) {
      // Few openings bring anything new: asked before, and again when nobody else can write.
      const stored = await orStorageFailure(db, readTokens(db, memberId, tokens.userId))
      if (areNews(tokens, stored)) await whileInstalled(memberId, tx => putNews(tx, memberId, tokens))
    },
    replaceTokens: (memberId, old, fresh) =>
      whileInstalled(memberId, async tx => {
        const stored = await readTokens(tx, memberId, old.userId)
        // Missing ones: another process took `old` for used up, while whoever had refreshed them could not save.
        if (stored !== undefined && stored.access !== old.access) return
        if (fresh !== undefined) await putTokens(tx, memberId, fresh)
        else
          await tx
            .deleteFrom('person_tokens')
            .where('member_id', '=', memberId)
            .where('user_id', '=', old.userId)
            .execute()
      }),
    async remove(memberId, eventAt, clean = false) {
      await orStorageFailure(
        db,
        db.transaction().execute(async tx => {
          await lockRow(tx, memberId) // before the tokens, as everybody does: otherwise two could wait for each other
          await tx.deleteFrom('person_tokens').where('member_id', '=', memberId).execute()
          if (clean) await eraseRuns(tx, memberId)
          await tx
            .updateTable('installation')
            .set({ status: 'deleted', application_token: null, bound_to: null, last_event_at: eventAt })
            .where('member_id', '=', memberId)
            .execute()
        })
      )
    },
    async forgetRuns(memberId) {
      await orStorageFailure(
        db,
        db.transaction().execute(async tx => {
          const { status } = (await lockRow(tx, memberId)) ?? {}
          if (status === undefined || status === 'deleted') await eraseRuns(tx, memberId)
        })
      )
    }
  }
}
