// The schema's history. A released migration never changes; a new need is a new entry.
// Must stay true: every statement runs on SQLite and on PostgreSQL.
import { type Kysely, type Migration, type MigrationProvider, sql } from 'kysely'

interface StoredRun {
  readonly id: string
  readonly started_at: number
  readonly snapshot: string
}

/** From the snapshot, where only JSON knew it; a run whose snapshot is damaged counts from its start. */
const endOf = ({ started_at, snapshot }: StoredRun): number => {
  try {
    const { finishedAt } = JSON.parse(snapshot) as { finishedAt: unknown }
    const at = typeof finishedAt === 'string' ? Date.parse(finishedAt) : Number.NaN
    return Number.isNaN(at) ? started_at : at
  } catch {
    return started_at
  }
}

/** When the runs that are over have ended. */
const dateEnds = async (db: Kysely<unknown>): Promise<void> => {
  for (let after = ''; ; ) {
    const { rows } = await sql<StoredRun>`
      select id, started_at, snapshot from run where status <> 'running' and id > ${after} order by id limit 500
    `.execute(db)
    for (const run of rows) await sql`update run set ended_at = ${endOf(run)} where id = ${run.id}`.execute(db)
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

const migrations: Record<string, Migration> = {
  '001-runs': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('run')
        .addColumn('id', 'text', column => column.primaryKey())
        .addColumn('portal_id', 'text', column => column.notNull())
        .addColumn('operation', 'text', column => column.notNull())
        .addColumn('started_by', 'text', column => column.notNull())
        .addColumn('started_at', 'bigint', column => column.notNull())
        .addColumn('status', 'text', column => column.notNull())
        .addColumn('snapshot', 'text', column => column.notNull())
        .addColumn('last_seq', 'bigint', column => column.notNull())
        .execute()
      await db.schema.createIndex('run_by_portal').on('run').columns(['portal_id', 'started_at']).execute()
      await db.schema.createIndex('run_by_status').on('run').column('status').execute()
      await db.schema
        .createTable('run_event')
        .addColumn('run_id', 'text', column => column.notNull().references('run.id').onDelete('cascade'))
        .addColumn('seq', 'bigint', column => column.notNull())
        .addColumn('event', 'text', column => column.notNull())
        .addPrimaryKeyConstraint('run_event_key', ['run_id', 'seq'])
        .execute()
      await db.schema
        .createTable('lease')
        .addColumn('portal_id', 'text', column => column.primaryKey())
        .addColumn('owner', 'text', column => column.notNull())
        .addColumn('fence', 'bigint', column => column.notNull())
        .addColumn('expires_at', 'bigint', column => column.notNull())
        .execute()
    }
  },
  '002-installations': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('installation')
        .addColumn('member_id', 'text', column => column.primaryKey())
        .addColumn('origin', 'text', column => column.notNull())
        .addColumn('authorization_server', 'text', column => column.notNull())
        .addColumn('application_token', 'text')
        .addColumn('scope', 'text', column => column.notNull())
        .addColumn('status', 'text', column => column.notNull())
        .addColumn('bound_to', 'text')
        .addColumn('installed_at', 'bigint', column => column.notNull())
        .addColumn('last_event_at', 'bigint', column => column.notNull())
        .execute()
      await db.schema
        .createTable('person_tokens')
        .addColumn('member_id', 'text', column =>
          column.notNull().references('installation.member_id').onDelete('cascade')
        )
        .addColumn('user_id', 'text', column => column.notNull())
        .addColumn('sealed', 'text', column => column.notNull())
        .addPrimaryKeyConstraint('person_tokens_key', ['member_id', 'user_id'])
        .execute()
    }
  },
  '003-cancel': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .alterTable('run')
        .addColumn('cancel_requested', 'integer', column => column.notNull().defaultTo(0))
        .execute()
    }
  },
  '004-retries': {
    async up(db: Kysely<unknown>) {
      await db.schema.alterTable('run').addColumn('retry_of', 'text').execute()
      await db.schema.createIndex('run_by_retry').on('run').column('retry_of').execute()
      // The engines read JSON in different words; our own JSON has this member in one spelling only.
      await sql`
        update run set retry_of = (
          select earlier.id from run as earlier where run.operation like '%"retryOf":"' || earlier.id || '"%'
        ) where operation like '%"retryOf":"%'
      `.execute(db)
    }
  },
  '005-keeping': {
    async up(db: Kysely<unknown>) {
      await db.schema.alterTable('run').addColumn('ended_at', 'bigint').execute()
      await db.schema
        .alterTable('run')
        .addColumn('first_seq', 'bigint', column => column.notNull().defaultTo(1))
        .execute()
      await db.schema
        .alterTable('run')
        .addColumn('keeping', 'text', column => column.notNull().defaultTo('whole'))
        .execute()
      await dateEnds(db)
      await db.schema.createIndex('run_by_keeping').on('run').columns(['keeping', 'ended_at']).execute()
    }
  },
  '006-recounts': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .alterTable('run')
        .addColumn('recount_due', 'integer', column => column.notNull().defaultTo(0))
        .execute()
    }
  }
}

export const migrationProvider: MigrationProvider = { getMigrations: async () => migrations }
