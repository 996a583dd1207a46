// Turns `fields` of add, update and import into stored values, multifields and links, and stores them.
// Must stay true: unknown, read-only and unreadable members are dropped silently; links go to existing records only.
import { type CallContext, RestError } from '../method.ts'
import { dayOf, portalTime, readPortalTime } from '../portal-time.ts'
import type { CrmRecord, RecordValues } from '../records.ts'
import { type Entity, type Field, MULTIFIELD_KINDS } from './crm-fields.ts'
import { titleOf } from './crm-metadata.ts'
import { addMultifields, type MultifieldInput, mergeMultifields } from './crm-multifields.ts'
import { crmTexts } from './crm-texts.ts'
import { isPhpArray, type PhpArray, toInteger, toList, toNumber, toText } from './crm-values.ts'

/** What a call wants to write. */
export interface Draft {
  /** As the caller sent it: what the refuse hook sees. */
  readonly fields: PhpArray
  readonly values: RecordValues
  readonly multifields: readonly MultifieldInput[]
  /** Wanted links in order; undefined: leave them alone. */
  readonly links: readonly number[] | undefined
}

/**
 * A value as it is stored; undefined: ignore it.
 * Arrays (unresolved references of a batch) become 1 or 0 in number fields as PHP casts them, and are ignored elsewhere.
 */
export function storedValue(field: Field, value: unknown, offsetMinutes: number): string | null | undefined {
  if (field.storage === 'flag') return value === true || toText(value) === 'Y' ? 'Y' : 'N'
  if (value === null) return null
  if (field.storage === 'integer') return value === '' ? null : String(toInteger(value))
  if (field.storage === 'number') return String(toNumber(value))
  const text = toText(value)
  if (field.storage === 'text' || text === undefined) return text
  // Files need an upload protocol of their own, which nothing here uses: ignored.
  if (field.storage === 'file') return undefined
  const time = readPortalTime(text, offsetMinutes)
  if (time === undefined) return text === '' ? '' : undefined
  return portalTime(field.type === 'date' ? dayOf(time, offsetMinutes) : time, offsetMinutes)
}

/** Ids of wanted links: positive, each once, and only of records that exist [INF: the portal checks bindings]. */
export function existingIds(context: CallContext, entity: Entity, wanted: readonly unknown[]): number[] {
  const table = context.state.table(entity.name === 'company' ? 'contact' : 'company')
  return [...new Set(wanted.map(toInteger))].filter(id => table.get(id) !== undefined)
}

/** Reads classic `fields`. COMPANY_IDS wins over COMPANY_ID; both replace the whole set (protocol.md, 4.3). */
export function classicDraft(context: CallContext, entity: Entity, fields: PhpArray, importing: boolean): Draft {
  const values: RecordValues = {}
  const multifields: MultifieldInput[] = []
  for (const [name, value] of Object.entries(fields)) {
    if (MULTIFIELD_KINDS.includes(name)) multifields.push(...multifieldInputs(name, value))
    const field = entity.byName.get(name)
    if (field === undefined || !(field.access === 'write' || (importing && field.access === 'import'))) continue
    const stored = storedValue(field, value, context.state.utcOffsetMinutes)
    if (stored !== undefined) values[name] = stored
  }
  return { fields, values, multifields, links: linksOf(context, entity, fields) }
}

function linksOf(context: CallContext, entity: Entity, fields: PhpArray): number[] | undefined {
  const list = entity.name === 'company' ? fields.CONTACT_ID : (fields.COMPANY_IDS ?? undefined)
  if (list !== undefined) return existingIds(context, entity, toList(list))
  // A single id: an array in its place is cast to 1, as PHP does (trap 6: garbage links to company 1).
  if (entity.name === 'company' || fields.COMPANY_ID === undefined) return undefined
  return existingIds(context, entity, [fields.COMPANY_ID])
}

/** The items of a classic multifield; anything that is not a list of items is ignored. */
export function multifieldInputs(kind: string, value: unknown): MultifieldInput[] {
  return toList(value).flatMap(item => {
    if (!isPhpArray(item)) return []
    const { ID, VALUE, VALUE_TYPE, DELETE } = item
    const text = VALUE === undefined ? undefined : toText(VALUE)
    return [{ kind, id: toInteger(ID), value: text, type: toText(VALUE_TYPE), remove: toText(DELETE) === 'Y' }]
  })
}

/** Stores a new record. @throws {RestError} when the row is refused or invalid. */
export function insertDraft(context: CallContext, entity: Entity, draft: Draft, refusedCode: string): CrmRecord {
  const { state, now, credential } = context
  refuseWrite(context, entity, 'add', draft.fields, refusedCode)
  requireFields(context, entity, draft, {}, refusedCode)
  const multifields = addMultifields(state, draft.multifields)
  const table = state.table(entity.name)
  const person = String(credential.person.id)
  const time = portalTime(now, state.utcOffsetMinutes)
  const values: RecordValues = {
    CREATED_BY_ID: person,
    MODIFY_BY_ID: person,
    DATE_CREATE: time,
    DATE_MODIFY: time,
    LAST_ACTIVITY_BY: person,
    LAST_ACTIVITY_TIME: time,
    ...draft.values
  }
  if (!(Number(values.ASSIGNED_BY_ID) > 0)) values.ASSIGNED_BY_ID = person
  if (isUntitled(entity, values)) values[entity.titleField] = `${entity.label} #${table.nextId}`
  const record = state.insert(entity.name, values, multifields)
  if (draft.links !== undefined) replaceLinks(context, entity, record.id, draft.links)
  return record
}

/** Changes a record. @throws {RestError} when the row is refused or invalid. */
export function updateRecord(
  context: CallContext,
  entity: Entity,
  record: CrmRecord,
  draft: Draft,
  refusedCode: string
): CrmRecord {
  const { state, now, credential } = context
  refuseWrite(context, entity, 'update', record, refusedCode)
  requireFields(context, entity, draft, record.values, refusedCode)
  const multifields = mergeMultifields(state, record.multifields, draft.multifields)
  const values: RecordValues = {
    MODIFY_BY_ID: String(credential.person.id),
    DATE_MODIFY: portalTime(now, state.utcOffsetMinutes),
    ...draft.values
  }
  if (isUntitled(entity, { ...record.values, ...values })) values[entity.titleField] = `${entity.label} #${record.id}`
  const changed = state.table(entity.name).change(record, values, multifields)
  if (draft.links !== undefined) replaceLinks(context, entity, record.id, draft.links)
  return changed
}

/** Removes a record. @throws {RestError} when the row is refused. */
export function removeRecord(context: CallContext, entity: Entity, record: CrmRecord, refusedCode: string): void {
  refuseWrite(context, entity, 'delete', record, refusedCode)
  context.state.remove(entity.name, record.id)
}

/** @throws {RestError} when the person has no right to this, or a fault refuses the row. */
function refuseWrite(
  { state, credential }: CallContext,
  { name }: Entity,
  action: 'add' | 'update' | 'delete',
  row: PhpArray | CrmRecord,
  code: string
): void {
  if (state.denies(credential.person.id, `${name}.${action}`)) throw new RestError(400, code, 'Access denied.')
  const refused = state.refuse?.(name, action, row)
  if (refused !== undefined) throw new RestError(400, code, refused)
}

/** What an administrator made required must not be empty afterwards. @throws {RestError} one code in each family */
function requireFields(
  { state }: CallContext,
  entity: Entity,
  { values, multifields }: Draft,
  before: Readonly<RecordValues>,
  refusedCode: string
): void {
  for (const name of state.required[entity.name] ?? []) {
    const given = MULTIFIELD_KINDS.includes(name)
      ? multifields.some(each => each.kind === name && each.value)
      : { ...before, ...values }[name]
    // The classic family has one code for all that is invalid, and no codes for refusals.
    const code = refusedCode === '' ? 'ERROR_CORE' : 'CRM_FIELD_ERROR_REQUIRED'
    if (!given) throw new RestError(400, code, crmTexts(state.language).required(titleOf(name)))
  }
}

/** An empty title is replaced, not refused; a contact needs one of NAME and LAST_NAME (protocol.md, trap 30). */
function isUntitled(entity: Entity, values: RecordValues): boolean {
  return !values[entity.titleField]?.trim() && (entity.name === 'company' || !values.NAME?.trim())
}

/** Replaces all links of a record, seen from either side. */
function replaceLinks({ state }: CallContext, entity: Entity, id: number, linked: readonly number[]): void {
  if (entity.name === 'contact') {
    state.links.replace(
      id,
      linked.map(companyId => ({ companyId }))
    )
    return
  }
  for (const contactId of state.links.contactIds(id)) {
    if (!linked.includes(contactId)) state.links.remove(contactId, id)
  }
  for (const contactId of linked) {
    if (!state.links.has(contactId, id)) state.links.put(contactId, { companyId: id })
  }
}
