// The tables, as both engines know them.
// Must stay true: text ids, times as epoch milliseconds, JSON as text, so that one migration set and one code serve both.
import type { Generated } from 'kysely'

export interface RunTable {
  id: string
  portal_id: string
  operation: string
  started_by: string
  started_at: number
  status: string
  snapshot: string
  /** Sequence number of the newest event; events are numbered 1, 2, 3 … without gaps. */
  last_seq: number
  /** 1: whoever drives the run is to end it. */
  cancel_requested: number
  /** 1: it has ended, and the portal is to be counted once more. */
  recount_due: number
  /** The run whose rejected rows this one tries again. */
  retry_of: string | null
  /** When it ended; null while it is running. */
  ended_at: number | null
  /** Sequence number of the oldest event that counts: what compaction has replaced lies below, until it is deleted. */
  first_seq: Generated<number>
  keeping: Generated<Keeping>
}

/**
 * `whole`: every event as it was written. `replaced`: compacted, and what was replaced is still there. `compact`: it is not any more.
 * `removed`: there for nobody but other tries of the same rows, and deleted step by step.
 */
export type Keeping = 'whole' | 'replaced' | 'compact' | 'removed'

export interface EventTable {
  run_id: string
  seq: number
  event: string
}

export interface LeaseTable {
  portal_id: string
  owner: string
  fence: number
  /** Epoch ms; 0 = free. */
  expires_at: number
}

export interface InstallationTable {
  member_id: string
  origin: string
  authorization_server: string
  /** Sealed (vault.ts). */
  application_token: string | null
  /** Names with commas between them. */
  scope: string
  status: 'new' | 'active' | 'deleted'
  bound_to: string | null
  /** Epoch ms. */
  installed_at: number
  /** Epoch seconds, as Bitrix24 dates its events. */
  last_event_at: number
}

export interface TokensTable {
  member_id: string
  user_id: string
  /** Both tokens and their expiry (vault.ts). */
  sealed: string
}

export interface Schema {
  installation: InstallationTable
  person_tokens: TokensTable
  run: RunTable
  run_event: EventTable
  lease: LeaseTable
  kysely_migration: { name: Generated<string> }
}
