// What the desktop's lists and cards show of companies and contacts.
// Must stay true: reads the first records only, whatever the portal holds.
import type { CrmRecord } from './records.ts'
import type { EntityName, PortalState } from './state.ts'

const SHOWN = 20

export interface ShownRecord {
  readonly id: number
  readonly title: string
  readonly phone: string
  /** Of a contact: its first company's title. */
  readonly company: string
}

/** The first records, ascending by id, and how many there are. */
export function shownRecords(state: PortalState, entity: EntityName): { total: number; rows: ShownRecord[] } {
  const table = state.table(entity)
  const ids = table.ids.slice(0, Number.MAX_SAFE_INTEGER - 1, false, 0, SHOWN)
  const rows = ids.map(id => table.get(id)).filter(record => record !== undefined)
  return { total: table.size, rows: rows.map(record => show(state, entity, record)) }
}

export function shownRecord(state: PortalState, entity: EntityName, id: number): ShownRecord | undefined {
  const record = state.table(entity).get(id)
  return record && show(state, entity, record)
}

function show(state: PortalState, entity: EntityName, { id, values, multifields }: CrmRecord): ShownRecord {
  const person = [values.LAST_NAME, values.NAME, values.SECOND_NAME].filter(Boolean).join(' ')
  const companyId = entity === 'contact' ? state.companyIdsOf(id)[0] : undefined
  return {
    id,
    title: (entity === 'company' ? values.TITLE : person) || `#${id}`,
    phone: multifields.find(({ kind }) => kind === 'PHONE')?.value ?? '',
    company: (companyId !== undefined && state.companies.get(companyId)?.values.TITLE) || ''
  }
}
