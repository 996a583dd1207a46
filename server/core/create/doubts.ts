// Rows whose answer may not be the whole truth: the portal is asked for their origin tags before the run ends.
// Must stay true: deterministic in the events alone.
import type { RunEvent } from '../run/run.ts'
import { isAccessDenied } from '../run/settle.ts'
import { flatRows } from './ledger.ts'

export interface Doubts {
  /**
   * Rows of a request that may have been delivered twice, whatever became of them; and all that were refused for anything but a missing right,
   * which is asked for first: the portal may have created them before something behind that failed (a workflow, a handler of an application).
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
        for (const rejection of event.rejected) if (event.suspect || !isAccessDenied(rejection)) rows.add(rejection.row)
        if (event.suspect) for (const row of flatRows(event.ok)) rows.add(row)
      }
      if (event.type === 'rows.audited') for (const row of flatRows(event.rows)) rows.delete(row)
    }
  }
}
