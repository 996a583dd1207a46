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
  rest: Pick<Settlement, 'done' | 'blocked'>
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
    blocked: failure.kind === 'blocked' ? { code: failure.code, message: failure.message } : null
  })
