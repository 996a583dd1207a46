// Reads an answer row by row: what is done, refused, to be sent again, or not known.
// Must stay true: pure; every row of the batch ends in exactly one list; nothing is called done without the portal's word.

import type { EntityName } from '../entities.ts'
import type { CommandOutcome, PortalFailure } from '../portal.ts'
import type { Answer } from '../speed/answer.ts'
import { type Batch, createRowSet, type Settlement } from './mission.ts'
import type { Rejection } from './run.ts'

/** What one command's result means for its row. */
export type Verdict =
  | { readonly is: 'ok'; readonly id?: number }
  | { readonly is: 'rejected'; readonly code: string; readonly message: string }
  | { readonly is: 'returned' }
  | { readonly is: 'unknown' }

export interface BatchRow {
  readonly key: string
  readonly entity: EntityName
  readonly row: number
}

/** Common meaning of an outcome; `ok` is judged by the kind of run. */
export const verdictOf = (outcome: CommandOutcome | undefined, judgeOk: (result: unknown) => Verdict): Verdict => {
  switch (outcome?.kind) {
    case 'ok':
      return judgeOk(outcome.result)
    case 'refused':
      return { is: 'rejected', code: outcome.code, message: outcome.message }
    case 'limited':
    case 'skipped':
    case 'blocked':
      return { is: 'returned' }
    default:
      return { is: 'unknown' }
  }
}

export const settleRows = (
  rows: readonly BatchRow[],
  verdict: (row: BatchRow) => Verdict,
  rest: Pick<Settlement, 'suspect' | 'done' | 'blocked'>
): Settlement => {
  const [ok, ids, returned, unknown] = [createRowSet(), createRowSet(), createRowSet(), createRowSet()]
  const rejected: Rejection[] = []
  for (const row of rows) {
    const found = verdict(row)
    if (found.is === 'ok') {
      ok.add(row.entity, row.row)
      if (found.id !== undefined) ids.add(row.entity, found.id)
    } else if (found.is === 'rejected') {
      // Bitrix24's classic methods refuse without a code (protocol.md, 1.6); programs want one.
      rejected.push({ row: row.row, entity: row.entity, code: found.code || 'REJECTED', message: found.message })
    } else (found.is === 'returned' ? returned : unknown).add(row.entity, row.row)
  }
  return {
    ok: ok.toRows(),
    ids: ids.toRows(),
    returned: returned.toRows(),
    unknown: unknown.toRows(),
    rejected,
    ...rest
  }
}

/** Bitrix24 asks for the right before it does anything; the classic methods say so without a code (protocol.md, 4.2). */
export const isAccessDenied = ({ code, message }: { readonly code: string; readonly message: string }): boolean =>
  code === 'ACCESS_DENIED' || /^access denied[.!]?$/i.test(message.trim())

/** The first refusal in an answer that concerns the whole run. */
export const blockedBy = (batch: Batch, { reply }: Answer): Settlement['blocked'] => {
  for (const { key } of batch.commands) {
    const outcome = reply.outcomes.get(key)
    if (outcome?.kind === 'blocked') return { code: outcome.code, message: outcome.message }
  }
  return null
}

/** A failed request: all rows go out again, or all are unknown. */
export const settleFailure = (rows: readonly BatchRow[], failure: PortalFailure, certain: boolean): Settlement =>
  settleRows(rows, () => ({ is: certain ? 'returned' : 'unknown' }), {
    suspect: false,
    blocked: failure.kind === 'blocked' ? { code: failure.code, message: failure.message } : null
  })

/** What took this share of the longest request may have been delivered twice, whatever the answer says. */
export const LATE = 1 / 20
/** So much later (seconds) an answer may come because of the network alone. */
const JITTER = 0.25

/**
 * True when an answer came so late that a first delivery may have been given up by whoever delivered it, and be at work still.
 * Otherwise the portal is done with all that it has answered.
 */
export const isLate = ({ elapsed, reply: { duration } }: Answer, requestSeconds: number): boolean =>
  elapsed - duration > Math.max(requestSeconds * LATE, duration / 2)

/**
 * True when an answer came so late that something on the way may have delivered the request twice, one delivery after the other
 * (proxies do): the first one took its time too. Such rows are looked up by their origin tag before the run ends.
 * Always noticed: a first delivery that took a twentieth of the longest request. Noticed unless it looks like a wait for a worker,
 * as it may while the portal's workers are still being counted: one that took a quarter of a second. Both must also have taken more than half the
 * time of the second. Never noticed: one that was broken off sooner, and one that was executed beside the second.
 */
export const isSuspect = (answer: Answer, requestSeconds: number): boolean => {
  const { unexplained, reply } = answer
  return unexplained > Math.max(JITTER, reply.duration / 2) || isLate(answer, requestSeconds)
}
