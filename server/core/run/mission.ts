// What a runner needs to know of an operation, whatever its kind: which batch next, how to read an answer, what else is due.
// Must stay true: a mission sends nothing by itself but reads and repeatable writes; rows are sent by the runner, behind the journal.

import type { EntityName } from '../entities.ts'
import type { Command, PortalFailure } from '../portal.ts'
import type { Answer } from '../speed/answer.ts'
import type { Rejection, Rows, RunEvent } from './run.ts'

export interface Batch {
  readonly rows: Rows
  readonly commands: readonly Command[]
  readonly halt: boolean
}

/** An answer, or its lack, read row by row. */
export interface Settlement {
  readonly ok: Rows
  readonly ids: Rows
  readonly rejected: readonly Rejection[]
  readonly returned: Rows
  readonly unknown: Rows
  /** The portal is done with the batch: what is unknown may be looked up soon. */
  readonly done?: true
  /** The portal refuses the whole run (missing right, scope or plan). */
  readonly blocked: { readonly code: string; readonly message: string } | null
}

/**
 * Background work: reads, look-ups, repeatable writes. Its events are journalled by the runner.
 * `confirm` resolves while this process may drive the portal; it is awaited right before each look-up and each write is sent. @throws {LeaseLost}
 */
export type Chore = (confirm: () => Promise<void>) => Promise<RunEvent[]>

export interface Mission {
  /** Before the first batch of an attempt: proves that the portal answers, reads what must be known. `confirm`: as in a Chore. */
  prepare(confirm: () => Promise<void>): Promise<RunEvent[]>
  /** Rows that are neither settled nor under way (an estimate while a listing is under way). */
  left(): number
  /** Of so many free requests, those that rows leave for what comes behind them. */
  keeps(free: number): number
  /** Up to `limit` rows that can go out now (steady ms); null when there are none. */
  next(limit: number, now: number): Batch | null
  /** `failure` with `elapsed` seconds, or an answer. */
  settle(batch: Batch, result: Answer | { readonly failure: PortalFailure; readonly elapsed: number }): Settlement
  /** Keeps up with the journal. May give events that follow from this one. */
  apply(event: RunEvent): RunEvent[]
  /** Those of them that were sent, and of which nothing was heard since. */
  underWay(rows: Rows): Rows
  /** Work that is due now; null when none is. `settling`: the run is ending, only what has left matters. */
  chore(settling: boolean): Chore | null
  /**
   * After the end, when nothing that was sent can be at work any longer: looks for what has come late, without writing.
   * Resolves with what corrects it, or null when there is nothing to correct. @throws {PortalFailure}
   */
  recount(): Promise<Chore | null>
  /** When the next chore becomes due, in steady ms; Infinity when none is in sight. */
  choreAt(): number
  /** When the look at the end is over, as far as is known (steady ms); undefined while none is under way. */
  closingAt(): number | undefined
  /** Methods for which rows are waiting: a parked one is what the run waits for. */
  wants(): readonly string[]
  /** Every row is settled, and nothing is left to be looked at. */
  finished(): boolean
  /** No row has an unknown outcome. */
  certain(): boolean
}

/** Collects rows by entity; `toRows` leaves empty entities out. */
export interface RowSet {
  add(entity: EntityName, row: number): void
  toRows(): Rows
}

export const createRowSet = (): RowSet => {
  const rows: Record<EntityName, number[]> = { company: [], contact: [] }
  return {
    add(entity, row) {
      rows[entity].push(row)
    },
    toRows() {
      return {
        ...(rows.company.length > 0 ? { company: rows.company } : {}),
        ...(rows.contact.length > 0 ? { contact: rows.contact } : {})
      }
    }
  }
}
