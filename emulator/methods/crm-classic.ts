// crm.company.* and crm.contact.*: add, get, list, update, delete, fields (protocol.md, 4.1–4.8).
// Must stay true: rows hold strings and nulls, ids of add are ints, and most errors have an empty code.
import { type CallContext, type Method, type MethodResult, RestError } from '../method.ts'
import type { CrmRecord } from '../records.ts'
import { type Entity, type Field, fieldValue, MULTIFIELD_KINDS } from './crm-fields.ts'
import { classicFilter } from './crm-filter.ts'
import { classicFieldInfo } from './crm-metadata.ts'
import { countsOf, find, type Order, pageOf } from './crm-query.ts'
import { crmTexts } from './crm-texts.ts'
import { isPhpArray, isTruthy, type PhpArray, parameter, toInteger, toText } from './crm-values.ts'
import { classicDraft, insertDraft, removeRecord, updateRecord } from './crm-write.ts'

/** Nearly all classic errors come without a code (protocol.md, 1.6). */
const uncoded = (text: string) => new RestError(400, '', text)

/** @throws {RestError} "Access denied." when the acting person has no CRM rights, or not to `read`. */
function requireRights({ credential: { person }, state }: CallContext, read?: Entity): void {
  const mayNotRead = read !== undefined && state.denies(person.id, `${read.name}.read`)
  if (person.crm === 'none' || mayNotRead) throw uncoded('Access denied.')
}

/** @throws {RestError} when the parameter is there but no array; when it is absent and has no default. */
function arrayParameter(params: PhpArray, name: string, otherwise?: PhpArray): PhpArray {
  const value = parameter(params, name) ?? otherwise
  if (!isPhpArray(value)) throw uncoded(`Parameter '${name}' must be array.`)
  return value
}

/** @throws {RestError} when `id` is missing or not positive. */
function idParameter(params: PhpArray): number {
  const id = toInteger(params.ID ?? params.id)
  if (id <= 0) throw uncoded('ID is not defined or invalid.')
  return id
}

function add(context: CallContext, entity: Entity): MethodResult {
  const fields = arrayParameter(context.params, 'fields')
  const params = arrayParameter(context.params, 'params', {})
  requireRights(context)
  const draft = classicDraft(context, entity, fields, isTruthy(params.IMPORT))
  return { result: insertDraft(context, entity, draft, '').id }
}

function get(context: CallContext, entity: Entity): MethodResult {
  const id = idParameter(context.params)
  requireRights(context, entity)
  const record = context.state.table(entity.name).get(id)
  if (record === undefined) throw uncoded('Not found')
  return { result: row(context, record, entity.readFields, MULTIFIELD_KINDS) }
}

function list(context: CallContext, entity: Entity): MethodResult {
  const { state, params } = context
  const order = orderOf(entity, arrayParameter(params, 'order', {}))
  const wanted = arrayParameter(params, 'filter', {})
  const filter = classicFilter(state, entity, wanted)
  requireRights(context, entity)
  const page = pageOf(parameter(params, 'start'))
  const { records, total } = find(state, entity, filter, order, page)
  const { fields, kinds } = selectionOf(entity, parameter(params, 'select'))
  return {
    result: records.map(record => row(context, record, fields, kinds)),
    ...countsOf(context, entity, wanted, page, total)
  }
}

function update(context: CallContext, entity: Entity): MethodResult {
  const id = idParameter(context.params)
  const fields = arrayParameter(context.params, 'fields')
  const params = arrayParameter(context.params, 'params', {})
  requireRights(context)
  const record = context.state.table(entity.name).get(id)
  if (record === undefined) throw uncoded(`${entity.label} is not found`)
  updateRecord(context, entity, record, classicDraft(context, entity, fields, isTruthy(params.IMPORT)), '')
  return { result: true }
}

function remove(context: CallContext, entity: Entity): MethodResult {
  const id = idParameter(context.params)
  requireRights(context)
  const record = context.state.table(entity.name).get(id)
  if (record === undefined) throw missing(context, entity)
  removeRecord(context, entity, record, '')
  return { result: true }
}

/** What delete says of an id that is not there: portals differ (protocol.md, 4.8; state.ts). */
function missing({ state, lastErrors }: CallContext, { name }: Entity): RestError {
  const { elementNotFound } = crmTexts(state.language)
  const translated = new RestError(400, 'ERROR_CORE', elementNotFound)
  switch (state.missingDelete) {
    case 'source':
      return name === 'company' ? uncoded(lastErrors.get(name) ?? '') : translated
    case 'documented':
      return name === 'company' ? uncoded('Company is not found') : translated
    case 'translated':
      return translated
    case 'break':
      return new RestError(400, 'ERROR_CORE', `${elementNotFound}<br>`)
    case 'empty':
      return uncoded('')
    case 'plain':
      return uncoded('Not found')
    case 'coded':
      return new RestError(400, 'ERROR_NOT_FOUND', 'Not found')
  }
}

/** Runs a write, and remembers what it failed with until the request ends. */
const remembering =
  (write: (context: CallContext, entity: Entity) => MethodResult) =>
  (context: CallContext, entity: Entity): MethodResult => {
    try {
      return write(context, entity)
    } catch (cause) {
      if (cause instanceof RestError && cause.message !== '') context.lastErrors.set(entity.name, cause.message)
      throw cause
    }
  }

/** Unknown fields are dropped, as in filters. */
function orderOf(entity: Entity, order: PhpArray): Order[] {
  return Object.entries(order).flatMap(([name, direction]) => {
    const field = entity.byName.get(name)
    if (field === undefined || !entity.readFields.includes(field)) return []
    return [{ field, descending: toText(direction)?.trim().toUpperCase() === 'DESC' }]
  })
}

interface Selection {
  readonly fields: readonly Field[]
  readonly kinds: readonly string[]
}

/** `*` takes neither user fields nor multifields; without a select: `*` and `UF_*`. ID always comes along (protocol.md, 4.5). */
function selectionOf(entity: Entity, select: unknown): Selection {
  const wanted = new Set(isPhpArray(select) ? Object.values(select) : [])
  if (wanted.size === 0) return { fields: entity.readFields, kinds: [] }
  const plain = wanted.has('*')
  const user = wanted.has('UF_*')
  if (!plain && !user)
    return { fields: selectedFields(entity, [...wanted]), kinds: MULTIFIELD_KINDS.filter(kind => wanted.has(kind)) }
  const fields = entity.readFields.filter(
    ({ name, userField }) => name === 'ID' || wanted.has(name) || (userField ? user : plain)
  )
  return { fields, kinds: MULTIFIELD_KINDS.filter(kind => wanted.has(kind)) }
}

/** Named fields come in the order of their names, with ID at the end where it was not named (fast_bitrix24's raw answers). */
function selectedFields(entity: Entity, names: readonly unknown[]): Field[] {
  return [...names, ...(names.includes('ID') ? [] : ['ID'])].flatMap(name => {
    const field = entity.byName.get(String(name))
    return field !== undefined && entity.readFields.includes(field) ? [field] : []
  })
}

/** Fields in their order, then the multifields that have values, by the id of their first. */
function row(
  { state }: CallContext,
  record: CrmRecord,
  fields: readonly Field[],
  kinds: readonly string[]
): Record<string, unknown> {
  const printed: Record<string, unknown> = {}
  for (const field of fields) printed[field.name] = fieldValue(state, record, field)
  for (const kind of new Set(record.multifields.map(each => each.kind))) {
    if (!kinds.includes(kind)) continue
    const values = record.multifields.filter(each => each.kind === kind)
    printed[kind] = values.map(({ id, type, value }) => ({
      ID: String(id),
      VALUE_TYPE: type,
      VALUE: value,
      TYPE_ID: kind
    }))
  }
  return printed
}

/** The six methods of one entity. */
export function classicMethods(entity: Entity): Method[] {
  const method = (name: string, handle: (context: CallContext, entity: Entity) => MethodResult): Method => ({
    name: `crm.${entity.name}.${name}`,
    scope: 'crm',
    handle: context => handle(context, entity)
  })
  return [
    method('fields', () => ({ result: classicFieldInfo(entity) })),
    method('add', remembering(add)),
    method('get', get),
    method('list', list),
    method('update', remembering(update)),
    method('delete', remembering(remove))
  ]
}
