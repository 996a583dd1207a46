// A run: the facts that its journal keeps, and the state that everybody sees.
// Must stay true: the snapshot is derived from events only (fold.ts); events are plain JSON and never change their meaning.
import type { EntityName, EntityPlural } from '../entities.ts'
import type { Operation } from '../recipe.ts'

export type RunStatus = 'running' | 'completed' | 'failed' | 'cancelled' | 'interrupted'
export type FinalStatus = Exclude<RunStatus, 'running'>

/**
 * Numbers of rows by entity. In a create run the number is the plan's row (1..total, companies first);
 * in a clear run it is the record's id.
 */
export type Rows = { readonly [entity in EntityName]?: readonly number[] }

/** A row that the portal refused for good. `row` as in `Rows`. */
export interface Rejection {
  readonly row: number
  readonly entity: EntityName
  readonly code: string
  readonly message: string
}

/** Who started a run: a portal user, or nobody in particular (standalone). */
export interface StartedBy {
  /** With whose rights it goes on: another one's, where somebody has taken it over. */
  readonly userId: string | null
  readonly name: string
}

/** A fact in a run's journal. `at` is unix milliseconds. */
export type RunEvent =
  | { readonly type: 'run.started'; readonly at: number; readonly operation: Operation; readonly total: number | null }
  /** Clear: what existed when it began. Ids above `maxId` are never touched. */
  | {
      readonly type: 'clear.bounded'
      readonly at: number
      readonly bounds: Readonly<Record<EntityName, { readonly maxId: number; readonly total: number }>>
    }
  /** Clear: every id of the entity within the bounds has been listed; `total` is what was really there. */
  | { readonly type: 'listing.finished'; readonly at: number; readonly entity: EntityName; readonly total: number }
  /** On disk before the request leaves. */
  | { readonly type: 'batch.sent'; readonly at: number; readonly batch: number; readonly rows: Rows }
  /** `ids` runs parallel to `ok` in a create run (the new records' ids); `returned` goes out again; `done`: the portal is, so `unknown` may be looked up soon. */
  | {
      readonly type: 'batch.settled'
      readonly at: number
      readonly batch: number
      readonly ok: Rows
      readonly ids: Rows
      readonly rejected: readonly Rejection[]
      readonly returned: Rows
      readonly unknown: Rows
      readonly done?: true
    }
  /** Rows rejected without being sent: contacts of a rejected company. */
  | { readonly type: 'rows.rejected'; readonly at: number; readonly rejected: readonly Rejection[] }
  /** Unknown rows looked up by origin tag: found ones with ids, missing ones go out again; `extras` are ids of duplicates that were removed. */
  | {
      readonly type: 'rows.reconciled'
      readonly at: number
      readonly ok: Rows
      readonly ids: Rows
      readonly missing: Rows
      readonly extras: Rows
    }
  /** Journals of earlier versions: answered rows were looked up; `extras` are ids of duplicates that were removed. */
  | { readonly type: 'rows.audited'; readonly at: number; readonly rows: Rows; readonly extras: Rows }
  /**
   * Create: the portal was asked for everything that carries the run's tags. `ok` with `ids`: rows that are there although nobody knew;
   * `missing` are gone, and go out again; `extras`: ids of second copies that were removed, `late` ones after the run had ended.
   * `verified`: there is exactly what the run made; where it is not, `problem` says why nobody can tell.
   */
  | {
      readonly type: 'rows.counted'
      readonly at: number
      readonly ok: Rows
      readonly ids: Rows
      readonly missing: Rows
      readonly extras: Rows
      readonly verified: boolean
      readonly problem: RunFailure | null
      readonly late?: true
    }
  | { readonly type: 'cancel.requested'; readonly at: number }
  /** `startedBy`: the run's own from now on; missing in journals of earlier versions. */
  | { readonly type: 'run.resumed'; readonly at: number; readonly startedBy?: StartedBy }
  /**
   * The attempt before this one left no end. Unless `orphaned`, its process may be frozen or cut off, not dead:
   * what it sent before `at` may still be waited for.
   */
  | { readonly type: 'run.taken'; readonly at: number; readonly orphaned?: true }
  | {
      readonly type: 'run.finished'
      readonly at: number
      readonly status: FinalStatus
      readonly failure: RunFailure | null
    }
  /**
   * The last of the events that stand for a journal which was compacted (compact.ts): those before it say what became of each row,
   * this one says all the rest. `lastBatch`: the highest number that a batch had.
   */
  | { readonly type: 'run.compacted'; readonly at: number; readonly lastBatch: number; readonly sum: RunSum }

/** What a run has come to, apart from its rows. Stored: it gains fields, and loses none. */
export interface RunSum {
  readonly status: RunStatus
  readonly totals: Readonly<Record<EntityName, number>>
  readonly created: Readonly<Record<EntityName, number>>
  readonly deleted: Readonly<Record<EntityName, number>>
  readonly failed: number
  readonly percent: number
  readonly finishedAt: number | null
  readonly failure: RunFailure | null
  readonly cancelling: boolean
  readonly verified: boolean
  readonly unverified: RunFailure | null
  readonly copiesRemoved: number
}

/** Why a run ended `failed`, or could not be verified. The message says what to do; it holds no secret. */
export interface RunFailure {
  readonly code: string
  readonly message: string
}

/** What everybody sees (contract.md). Times are ISO 8601 strings or null. */
export interface RunSnapshot {
  readonly id: string
  readonly kind: Operation['kind']
  readonly status: RunStatus
  /** The portal's host. */
  readonly portal: string
  readonly total: number
  /** Rows that are settled; rejected rows are in `failed` too. */
  readonly done: number
  readonly failed: number
  readonly percent: number
  readonly created: Readonly<Record<EntityPlural, number>>
  readonly deleted: Readonly<Record<EntityPlural, number>>
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly startedBy: string
  readonly etaSeconds: number | null
  readonly waitingUntil: string | null
  /** The limit that the run waits for: `requests`, a method name (its operating time), `portal` (not reachable), `reconciliation` or `storage` (our own; `waitingUntil` is null). */
  readonly waitingFor: string | null
  /** The first 50. */
  readonly errors: readonly Rejection[]
  readonly failure: RunFailure | null
  /** Create: the portal was counted at the end, and has exactly what the run made. */
  readonly verified: boolean
  /** Why a create run that is over could not be verified. */
  readonly unverified: RunFailure | null
  /** Second copies of its records that the run has removed. */
  readonly copiesRemoved: number
}

/** The unchanging part of a run, and its last stored snapshot. */
export interface RunRecord {
  readonly id: string
  readonly portalId: string
  readonly operation: Operation
  readonly startedBy: StartedBy
  /** Unix milliseconds. */
  readonly startedAt: number
  readonly snapshot: RunSnapshot
}

/** True where the portal is to be counted once more: what a create run has sent may be carried out after its end. */
export const owesRecount = ({ kind, status }: Pick<RunSnapshot, 'kind' | 'status'>): boolean =>
  kind === 'create' && (status === 'completed' || status === 'cancelled')
