// Rows whose answer may not be the whole truth: the portal is asked for their origin tags before the run ends.
// Must stay true: deterministic in the events alone.
import type { RunEvent } from '../run/run.ts'
import { flatRows } from './ledger.ts'

export interface Doubts {
  /**
   * Done rows of a request that may have been delivered twice, and all that were refused: a first delivery may have created them,
   * or the portal itself did before something behind it failed (a workflow, a handler of an application).
   */
  readonly rows: ReadonlySet<number>
  follow(event: RunEvent): void
}

export const createDoubts = (): Doubts => {
  const rows = new Set<number>()
  return {
    rows,
    follow(event) {
      if (event.type === 'batch.settled') {
        for (const { row } of event.rejected) rows.add(row)
        if (event.suspect) for (const row of flatRows(event.ok)) rows.add(row)
      }
      if (event.type === 'rows.audited') for (const row of flatRows(event.rows)) rows.delete(row)
    }
  }
}
