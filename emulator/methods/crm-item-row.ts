// How crm.item.* prints a record: camelCase names and typed values (protocol.md, 4.11).
// Must stay true: ids are ints, flags "Y"/"N"; `fm` and `entityTypeId` come only with everything (trap 39).
import type { CrmRecord } from '../records.ts'
import type { PortalState } from '../state.ts'
import { COMPANY, CONTACT, type Entity, type Field, fieldValue, itemName } from './crm-fields.ts'
import { isPhpArray } from './crm-values.ts'

type Column = (state: PortalState, record: CrmRecord) => unknown

const firstOf =
  (kind: string, type?: string): Column =>
  (_, record) =>
    record.multifields.find(each => each.kind === kind && (type === undefined || each.type === type))?.value ?? ''

/** Columns that are no fields of the classic family. */
const SPECIAL: { readonly [name: string]: Column } = {
  companyIds: (state, record) => state.companyIdsOf(record.id),
  contactIds: (state, record) => state.contactIdsOf(record.id),
  shortName: (_, { values }) => `${values.LAST_NAME ?? ''} ${values.NAME?.charAt(0) ?? ''}`.trim(),
  searchContent: (_, { values }) =>
    [values.TITLE, values.LAST_NAME, values.NAME, values.SECOND_NAME].filter(Boolean).join(' '),
  address: (_, { values }) => values.ADDRESS ?? null,
  addressLegal: (_, { values }) => values.ADDRESS_LEGAL ?? null,
  categoryId: () => 0,
  webformId: () => 0,
  observers: () => [],
  phoneMobile: firstOf('PHONE', 'MOBILE'),
  phoneWork: firstOf('PHONE', 'WORK'),
  phoneMailing: firstOf('PHONE', 'MAILING'),
  emailHome: firstOf('EMAIL', 'HOME'),
  emailWork: firstOf('EMAIL', 'WORK'),
  emailMailing: firstOf('EMAIL', 'MAILING'),
  imol: firstOf('IM', 'IMOL'),
  email: firstOf('EMAIL'),
  phone: firstOf('PHONE'),
  fm: (_, { multifields }) =>
    multifields.map(({ id, type, value, kind }) => ({ id, valueType: type, value, typeId: kind }))
}

const HELPERS = 'phoneMobile phoneWork phoneMailing emailHome emailWork emailMailing imol email phone fm'
const UTM = 'utmSource utmMedium utmCampaign utmContent utmTerm'
const START = 'id createdTime updatedTime createdBy updatedBy assignedById opened'
const ORIGIN = 'originatorId originId originVersion'
const STATE = 'hasPhone hasEmail hasImol searchContent categoryId webformId lastActivityBy lastActivityTime'

const CONTACT_COLUMNS = `${START} companyId companyIds sourceId sourceDescription name lastName secondName shortName photo post address \
comments leadId export typeId ${ORIGIN} birthdate honorific ${STATE} ${HELPERS} ufCrm_1720019876 ${UTM} observers`

const COMPANY_COLUMNS = `${START} title logo typeId industry employees revenue currencyId isMyCompany bankingDetails address addressLegal \
comments leadId ${ORIGIN} ${STATE} lastCommunicationTime ${HELPERS} ufCrm_1687188367 ${UTM} observers contactIds`

function fieldColumn(field: Field): Column {
  if (field.storage !== 'integer' && field.storage !== 'number') {
    // Texts that were never set are null here, where the classic family prints its "".
    return (state, record) => fieldValue(state, record, field) || null
  }
  return (state, record) => {
    const value = fieldValue(state, record, field)
    if (value !== null) return Number(value)
    return field.name === 'COMPANY_ID' ? 0 : null
  }
}

function columnsOf(entity: Entity, names: string): ReadonlyMap<string, Column> {
  return new Map(
    names.split(' ').map(name => {
      const field = entity.byItemName.get(name)
      // Every name above is one or the other: a test prints all columns.
      return [name, field === undefined ? (SPECIAL[name] as Column) : fieldColumn(field)]
    })
  )
}

const COLUMNS = {
  company: columnsOf(COMPANY, COMPANY_COLUMNS),
  contact: columnsOf(CONTACT, CONTACT_COLUMNS)
}

const ORIGINAL_NAMES = new Map(
  [...COMPANY.fields, ...CONTACT.fields].filter(field => field.userField).map(field => [field.item ?? '', field.name])
)

/** Prints an item. `select`: undefined, or a list that may hold `*`; unknown names and `fm` by name are dropped. */
export function itemRow(
  state: PortalState,
  entity: Entity,
  record: CrmRecord,
  select?: unknown,
  originalNames = false
): Record<string, unknown> {
  const names = isPhpArray(select) ? Object.values(select) : []
  const wanted = new Set(names.flatMap(name => (typeof name === 'string' ? [name, itemName(name)] : [])))
  const whole = wanted.size === 0 || wanted.has('*')
  const printed: Record<string, unknown> = {}
  for (const [name, column] of COLUMNS[entity.name]) {
    const original = ORIGINAL_NAMES.get(name)
    const named =
      name === 'id' || (name !== 'fm' && (wanted.has(name) || (original !== undefined && wanted.has(original))))
    if (whole || named) printed[originalNames && original !== undefined ? original : name] = column(state, record)
  }
  if (whole) printed.entityTypeId = entity.entityTypeId
  return printed
}
