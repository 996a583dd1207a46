// What became of every row of a create run, folded from its events: 9 bytes a row, so 200 000 rows are two megabytes.
// Must stay true: deterministic in the events alone; every row is in exactly one status.
import { type EntityName, entityNames } from '../entities.ts'
import { createRowSet } from '../run/mission.ts'
import type { Rows, RunEvent } from '../run/run.ts'
import type { Plan } from './plan.ts'

export const rowStatuses = ['pending', 'sent', 'ok', 'rejected', 'unknown', 'excluded'] as const
export type RowStatus = (typeof rowStatuses)[number]

const code = Object.fromEntries(rowStatuses.map((status, index) => [status, index])) as Record<RowStatus, number> // the keys are the list's

export interface Ledger {
  status(row: number): RowStatus
  /** Id of the record of a settled row; 0 while there is none. */
  idOf(row: number): number
  /** Rows in a status, of one entity or of both. */
  count(status: RowStatus, entity?: EntityName): number
  apply(event: RunEvent): void
  /** Before any event: rows that this run does not send (`ok` with an id, or `excluded`). */
  preset(row: number, status: RowStatus, id?: number): void
}

/** Rows of all entities in one list, companies first. */
export const flatRows = (rows: Rows): number[] => [...(rows.company ?? []), ...(rows.contact ?? [])]

/** A list of rows by entity. */
export const rowsByEntity = (plan: Pick<Plan, 'entityOf'>, rows: Iterable<number>): Rows => {
  const set = createRowSet()
  for (const row of rows) set.add(plan.entityOf(row), row)
  return set.toRows()
}

export const createLedger = (plan: Pick<Plan, 'total' | 'companies' | 'existingCompany'>): Ledger => {
  const statuses = new Uint8Array(plan.total + 1)
  const recordIds = new Float64Array(plan.total + 1)
  const counts: Record<EntityName, number[]> = {
    company: rowStatuses.map(status => (status === 'pending' ? plan.companies : 0)),
    contact: rowStatuses.map(status => (status === 'pending' ? plan.total - plan.companies : 0))
  }
  // Row 0 stands for a company that was there before; it is no row of the run, and counts nowhere.
  if (plan.existingCompany !== undefined) {
    statuses[0] = code.ok
    recordIds[0] = plan.existingCompany
  }

  const set = (row: number, status: RowStatus): void => {
    const before = statuses[row] ?? 0
    const after = code[status]
    const of = counts[row <= plan.companies ? 'company' : 'contact']
    of[before] = (of[before] ?? 0) - 1
    of[after] = (of[after] ?? 0) + 1
    statuses[row] = after
  }
  const setAll = (rows: Rows, status: RowStatus): void => {
    for (const row of rows.company ?? []) set(row, status)
    for (const row of rows.contact ?? []) set(row, status)
  }
  const setIds = (ok: Rows, ids: Rows): void => {
    for (const entity of entityNames)
      ok[entity]?.forEach((row, index) => {
        recordIds[row] = ids[entity]?.[index] ?? 0
      })
  }

  return {
    status: row => rowStatuses[statuses[row] ?? 0] ?? 'pending',
    idOf: row => recordIds[row] ?? 0,
    count: (status, entity) =>
      entityNames
        .filter(name => entity === undefined || name === entity)
        .reduce((sum, name) => sum + (counts[name][code[status]] ?? 0), 0),
    apply(event) {
      switch (event.type) {
        case 'batch.sent':
          setAll(event.rows, 'sent')
          break
        case 'batch.settled':
          setAll(event.ok, 'ok')
          setIds(event.ok, event.ids)
          setAll(event.returned, 'pending')
          setAll(event.unknown, 'unknown')
          for (const { row } of event.rejected) set(row, 'rejected')
          break
        case 'rows.rejected':
          for (const { row } of event.rejected) set(row, 'rejected')
          break
        case 'rows.reconciled':
        case 'rows.counted':
          setAll(event.ok, 'ok')
          setIds(event.ok, event.ids)
          setAll(event.missing, 'pending')
          for (const row of flatRows(event.missing)) recordIds[row] = 0
          break
        default:
          break
      }
    },
    preset(row, status, id = 0) {
      set(row, status)
      recordIds[row] = id
    }
  }
}
