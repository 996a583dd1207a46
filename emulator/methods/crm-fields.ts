// The fields of companies and contacts: names in both method families, types, who may write them, defaults.
// Must stay true: `fields` is in the order of *.fields, `readFields` in the recorded order of get and list (protocol.md, 4.4, 4.6).
import type { CrmRecord } from '../records.ts'
import type { EntityName, PortalState } from '../state.ts'

export const MULTIFIELD_KINDS: readonly string[] = ['PHONE', 'EMAIL', 'WEB', 'IM', 'LINK']

export interface Field {
  readonly name: string
  /** Name in crm.item.*; null: not there. */
  readonly item: string | null
  /** As *.fields prints it. */
  readonly type: string
  /** How values are stored and compared. */
  readonly storage: 'text' | 'integer' | 'number' | 'flag' | 'time' | 'file'
  /** `import`: writable in import mode only. `link`: written as a link, never read. */
  readonly access: 'write' | 'import' | 'read' | 'link'
  /** What get prints when the field was never set. */
  readonly initial: string | null
  readonly required: boolean
  readonly userField: boolean
  readonly statusType?: string
  /** Fields that are not stored but follow from the record. */
  readonly computed?: (state: PortalState, record: CrmRecord) => string | null
}

export interface Entity {
  readonly name: EntityName
  readonly entityTypeId: 3 | 4
  readonly fields: readonly Field[]
  readonly readFields: readonly Field[]
  readonly byName: ReadonlyMap<string, Field>
  readonly byItemName: ReadonlyMap<string, Field>
  /** The field that gets an automatic name when it is empty. */
  readonly titleField: string
  /** The link field of crm.item.*: companyIds, contactIds. */
  readonly itemLinks: string
  readonly label: string
}

const STORAGE: { readonly [type: string]: Field['storage'] } = {
  integer: 'integer',
  user: 'integer',
  crm_company: 'integer',
  crm_contact: 'integer',
  crm_lead: 'integer',
  double: 'number',
  char: 'flag',
  date: 'time',
  datetime: 'time',
  file: 'file'
}

/** `ORIGIN_ID` → `originId`; `UF_CRM_1687` → `ufCrm_1687`. */
const camelCase = (name: string) => name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

function field(name: string, type: string, more: Partial<Field> = {}): Field {
  return {
    name,
    item: camelCase(name),
    type,
    storage: STORAGE[type] ?? 'text',
    access: 'write',
    initial: null,
    required: false,
    userField: name.startsWith('UF_'),
    ...more
  }
}

const has = (name: string, kind: string, type?: string) =>
  field(name, 'char', {
    access: 'read',
    computed: (_, { multifields }) =>
      multifields.some(each => each.kind === kind && (type === undefined || each.type === type)) ? 'Y' : 'N'
  })

const status = (name: string, statusType: string, more: Partial<Field> = {}) =>
  field(name, 'crm_status', { statusType, ...more })

const texts = (names: string, more: Partial<Field> = {}) => names.split(' ').map(name => field(name, 'string', more))

const address = (prefix: string) => [
  ...texts(
    `${prefix} ${prefix}_2 ${prefix}_CITY ${prefix}_POSTAL_CODE ${prefix}_REGION ${prefix}_PROVINCE ${prefix}_COUNTRY ${prefix}_COUNTRY_CODE`,
    { item: null }
  ),
  field(`${prefix}_LOC_ADDR_ID`, 'integer', { item: null })
]

/** An open line is a messenger of a type of its own. */
const HAS = [has('HAS_PHONE', 'PHONE'), has('HAS_EMAIL', 'EMAIL'), has('HAS_IMOL', 'IM', 'IMOL')]

const SYSTEM = [
  field('ASSIGNED_BY_ID', 'user', { initial: '1' }),
  field('CREATED_BY_ID', 'user', { access: 'import', item: 'createdBy', initial: '1' }),
  field('MODIFY_BY_ID', 'user', { access: 'import', item: 'updatedBy', initial: '1' }),
  field('DATE_CREATE', 'datetime', { access: 'import', item: 'createdTime' }),
  field('DATE_MODIFY', 'datetime', { access: 'import', item: 'updatedTime' }),
  field('LEAD_ID', 'crm_lead', { access: 'read' }),
  ...texts('ORIGINATOR_ID ORIGIN_ID ORIGIN_VERSION UTM_SOURCE UTM_MEDIUM UTM_CAMPAIGN UTM_CONTENT UTM_TERM'),
  field('LAST_ACTIVITY_BY', 'user', { access: 'read', initial: '1' }),
  field('LAST_ACTIVITY_TIME', 'datetime', { access: 'read' })
]

const ID = field('ID', 'integer', { access: 'read', computed: (_, record) => String(record.id) })
const MULTIFIELDS = MULTIFIELD_KINDS.map(kind => field(kind, 'crm_multifield', { item: null, access: 'link' }))

const COMPANY_FIELDS = [
  ID,
  field('TITLE', 'string', { required: true }),
  status('COMPANY_TYPE', 'COMPANY_TYPE', { item: 'typeId', initial: 'CUSTOMER' }),
  field('LOGO', 'file'),
  ...address('ADDRESS'),
  ...texts('ADDRESS_LEGAL', { item: null }),
  ...address('REG_ADDRESS'),
  ...texts('BANKING_DETAILS'),
  status('INDUSTRY', 'INDUSTRY'),
  status('EMPLOYEES', 'EMPLOYEES'),
  field('CURRENCY_ID', 'crm_currency', { initial: 'RUB' }),
  field('REVENUE', 'double', { initial: '0' }),
  field('OPENED', 'char', { initial: 'Y' }),
  field('COMMENTS', 'string', { initial: '' }),
  ...HAS,
  field('IS_MY_COMPANY', 'char', { initial: 'N' }),
  field('CONTACT_ID', 'crm_contact', { item: null, access: 'link' }),
  ...SYSTEM,
  field('LAST_COMMUNICATION_TIME', 'string', { access: 'read' }),
  ...MULTIFIELDS,
  field('UF_CRM_1687188367', 'string', { initial: '' })
]

const CONTACT_FIELDS = [
  ID,
  status('HONORIFIC', 'HONORIFIC'),
  ...texts('NAME SECOND_NAME LAST_NAME', { required: true }),
  field('PHOTO', 'file'),
  field('BIRTHDATE', 'date', { initial: '' }),
  status('TYPE_ID', 'CONTACT_TYPE', { initial: 'CLIENT' }),
  status('SOURCE_ID', 'SOURCE'),
  ...texts('SOURCE_DESCRIPTION POST'),
  ...address('ADDRESS'),
  field('COMMENTS', 'string', { initial: '' }),
  field('OPENED', 'char', { initial: 'Y' }),
  field('EXPORT', 'char', { initial: 'Y' }),
  field('COMPANY_ID', 'crm_company', {
    access: 'link',
    computed: (state, record) => state.links.primary(record.id)?.toString() ?? null
  }),
  field('COMPANY_IDS', 'crm_company', { item: null, access: 'link' }),
  field('FACE_ID', 'integer', { item: null }),
  ...HAS,
  ...SYSTEM,
  ...MULTIFIELDS,
  field('UF_CRM_1720019876', 'string', { initial: '' })
]

const ADDRESS_SUFFIXES = ['', '_2', '_CITY', '_POSTAL_CODE', '_REGION', '_PROVINCE', '_COUNTRY']
const addressNames = (prefix: string, ...more: string[]) =>
  [...ADDRESS_SUFFIXES, ...more, '_LOC_ADDR_ID'].map(suffix => prefix + suffix).join(' ')
const UTM = 'UTM_SOURCE UTM_MEDIUM UTM_CAMPAIGN UTM_CONTENT UTM_TERM'

const COMPANY_READ = `ID COMPANY_TYPE TITLE LOGO LEAD_ID HAS_PHONE HAS_EMAIL HAS_IMOL ASSIGNED_BY_ID CREATED_BY_ID MODIFY_BY_ID \
BANKING_DETAILS INDUSTRY REVENUE CURRENCY_ID EMPLOYEES COMMENTS DATE_CREATE DATE_MODIFY OPENED IS_MY_COMPANY ORIGINATOR_ID ORIGIN_ID \
ORIGIN_VERSION ${addressNames('ADDRESS', '_COUNTRY_CODE')} ADDRESS_LEGAL ${addressNames('REG_ADDRESS', '_COUNTRY_CODE')} ${UTM} \
LAST_ACTIVITY_BY LAST_ACTIVITY_TIME LAST_COMMUNICATION_TIME UF_CRM_1687188367`

const CONTACT_READ = `ID POST COMMENTS HONORIFIC NAME SECOND_NAME LAST_NAME PHOTO LEAD_ID TYPE_ID SOURCE_ID SOURCE_DESCRIPTION COMPANY_ID \
BIRTHDATE EXPORT HAS_PHONE HAS_EMAIL HAS_IMOL DATE_CREATE DATE_MODIFY ASSIGNED_BY_ID CREATED_BY_ID MODIFY_BY_ID OPENED ORIGINATOR_ID \
ORIGIN_ID ORIGIN_VERSION FACE_ID LAST_ACTIVITY_TIME ${addressNames('ADDRESS')} ${UTM} LAST_ACTIVITY_BY UF_CRM_1720019876`

function entity(
  fields: readonly Field[],
  readNames: string,
  rest: Omit<Entity, 'fields' | 'readFields' | 'byName' | 'byItemName'>
): Entity {
  const byName = new Map(fields.map(each => [each.name, each]))
  const byItemName = new Map(fields.flatMap(each => (each.item === null ? [] : [[each.item, each] as const])))
  const readFields = readNames.split(' ').map(name => byName.get(name) as Field)
  return { ...rest, fields, readFields, byName, byItemName }
}

export const COMPANY = entity(COMPANY_FIELDS, COMPANY_READ, {
  name: 'company',
  entityTypeId: 4,
  titleField: 'TITLE',
  itemLinks: 'contactIds',
  label: 'Company'
})

export const CONTACT = entity(CONTACT_FIELDS, CONTACT_READ, {
  name: 'contact',
  entityTypeId: 3,
  titleField: 'LAST_NAME',
  itemLinks: 'companyIds',
  label: 'Contact'
})

/** A field of crm.item.*: by its own name, by that in capitals, or a user field by its original name (Converter.php). */
export function itemField(entity: Entity, name: string): Field | undefined {
  const known = entity.byItemName.get(itemName(name))
  if (known !== undefined) return known
  const original = entity.byName.get(name)
  return original?.userField ? original : undefined
}

/** `COMPANY_IDS` → `companyIds`; what is not in capitals stays. */
export const itemName = (name: string): string => (name === name.toUpperCase() ? camelCase(name) : name)

/** Fields of which portals disagree what they print when nothing was set (state.ts, Empties). */
const DISPUTED = ['REVENUE', 'COMMENTS', 'TYPE_ID']

/** The value of a field as get and list print it. */
export function fieldValue(state: PortalState, record: CrmRecord, { name, computed, initial }: Field): string | null {
  if (computed !== undefined) {
    const value = computed(state, record)
    return value === null && name === 'COMPANY_ID' && state.empties === 'filled' ? '0' : value
  }
  const stored = record.values[name]
  if (stored !== undefined) return stored
  return state.empties === 'null' && DISPUTED.includes(name) ? null : initial
}
