// Stored JSON → the core's values.
// Must stay true: only our own journal wrote it, so its shape is trusted; damaged text gives an error that names the row.
import type { Selectable } from 'kysely'
import { storageDamaged } from '../core/errors.ts'
import type { RunEvent, RunRecord, RunSnapshot } from '../core/run/run.ts'
import { unpack } from './packed.ts'
import type { EventTable, RunTable } from './schema.ts'

/** Every type of event; the compiler misses a forgotten one. */
const eventTypes: Readonly<Record<RunEvent['type'], true>> = {
  'run.started': true,
  'clear.bounded': true,
  'listing.finished': true,
  'batch.sent': true,
  'batch.settled': true,
  'rows.rejected': true,
  'rows.reconciled': true,
  'rows.audited': true,
  'rows.counted': true,
  'cancel.requested': true,
  'run.resumed': true,
  'run.taken': true,
  'run.finished': true,
  'run.compacted': true
}

const parseObject = (text: string, where: string): object => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw storageDamaged(`${where} is damaged: it is not JSON. Restore the database from a backup.`, error)
  }
  if (typeof value === 'object' && value !== null) return value
  throw storageDamaged(`${where} is damaged: it is not an object. Restore the database from a backup.`)
}

/** @throws {AppError} STORAGE_DAMAGED */
export const parseEvent = ({ run_id, seq, event }: EventTable): RunEvent => {
  const where = `Event ${seq} of run ${run_id}`
  const value = parseObject(event, where)
  if ('type' in value && typeof value.type === 'string' && Object.hasOwn(eventTypes, value.type)) {
    return unpack(value) as RunEvent // written by us alone, and its type is known
  }
  throw storageDamaged(
    `${where} has an unknown type. Start the version of BitrixCorp that wrote it, or restore the database from a backup.`
  )
}

/** What snapshots of earlier versions do not have. */
const newInSnapshots: Pick<RunSnapshot, 'verified' | 'unverified' | 'copiesRemoved'> = {
  verified: false,
  unverified: null,
  copiesRemoved: 0
}

/** @throws {AppError} STORAGE_DAMAGED */
export const parseRun = (row: Selectable<RunTable>): RunRecord => ({
  id: row.id,
  portalId: row.portal_id,
  // The casts: written by us alone.
  operation: parseObject(row.operation, `The operation of run ${row.id}`) as RunRecord['operation'],
  startedBy: parseObject(row.started_by, `The starter of run ${row.id}`) as RunRecord['startedBy'],
  startedAt: row.started_at,
  snapshot: { ...newInSnapshots, ...(parseObject(row.snapshot, `The snapshot of run ${row.id}`) as RunSnapshot) }
})
