// crm.item.*: the universal methods for contacts (entityTypeId 3) and companies (4) (protocol.md, 4.11).
// Must stay true: errors have real codes here, unlike in the classic family; both families see the same records.
import { type CallContext, type Method, type MethodResult, RestError } from '../method.ts'
import type { CrmRecord } from '../records.ts'
import { COMPANY, CONTACT, type Entity, itemField } from './crm-fields.ts'
import { itemFilter } from './crm-filter.ts'
import { itemDraft } from './crm-item-draft.ts'
import { itemRow } from './crm-item-row.ts'
import { itemFieldInfo, upperCase } from './crm-metadata.ts'
import { countsOf, find, type Order, pageOf } from './crm-query.ts'
import { isPhpArray, type PhpArray, parameter, toInteger, toText } from './crm-values.ts'
import { insertDraft, removeRecord, updateRecord } from './crm-write.ts'

const REFUSED = 'ACCESS_DENIED'
const IMPORT_LIMIT = 20

/** Types that a real portal has and this one does not. */
const NOT_EMULATED = [1, 2, 7, 31]

/** @throws {RestError} for a missing, unknown or not emulated type, or a person without rights. */
function entityOf({ params, credential: { person } }: CallContext): Entity {
  const entityTypeId = toInteger(required(params, 'entityTypeId'))
  if (NOT_EMULATED.includes(entityTypeId)) {
    throw new RestError(400, 'ENTITY_TYPE_NOT_SUPPORTED', `Entity type ${entityTypeId} is not supported`)
  }
  const entity = [CONTACT, COMPANY].find(each => each.entityTypeId === entityTypeId)
  if (entity === undefined) throw new RestError(400, 'NOT_FOUND', 'Smart process not found')
  if (person.crm === 'none') throw accessDenied()
  return entity
}

const accessDenied = () => new RestError(400, REFUSED, 'Access denied.')

/** @throws {RestError} also when the person may not read such records. */
function readableEntity(context: CallContext): Entity {
  const entity = entityOf(context)
  if (context.state.denies(context.credential.person.id, `${entity.name}.read`)) throw accessDenied()
  return entity
}

/** @throws {RestError} `100` when the parameter is absent. */
function required(params: PhpArray, name: string): unknown {
  const value = parameter(params, name)
  if (value === undefined) throw new RestError(400, '100', `Could not find value for parameter {${name}}`)
  return value
}

/** @throws {RestError} `100` when the parameter is absent or no array. */
function requiredArray(params: PhpArray, name: string): PhpArray {
  const value = required(params, name)
  if (!isPhpArray(value))
    throw new RestError(400, '100', `Invalid value to match with parameter {${name}}. Should be array.`)
  return value
}

const originalNames = ({ params }: CallContext) => toText(params.useOriginalUfNames) === 'Y'

const printed = (context: CallContext, entity: Entity, record: CrmRecord): MethodResult => ({
  result: { item: itemRow(context.state, entity, record, undefined, originalNames(context)) }
})

/** @throws {RestError} NOT_FOUND */
function stored({ state, params }: CallContext, entity: Entity): CrmRecord {
  const record = state.table(entity.name).get(toInteger(required(params, 'id')))
  if (record === undefined) throw new RestError(400, 'NOT_FOUND', 'Item not found')
  return record
}

function fields(context: CallContext): MethodResult {
  return { result: { fields: itemFieldInfo(entityOf(context), originalNames(context)) } }
}

function add(context: CallContext): MethodResult {
  const entity = entityOf(context)
  const draft = itemDraft(context, entity, requiredArray(context.params, 'fields'), false)
  return printed(context, entity, insertDraft(context, entity, draft, REFUSED))
}

function get(context: CallContext): MethodResult {
  const entity = readableEntity(context)
  return printed(context, entity, stored(context, entity))
}

function list(context: CallContext): MethodResult {
  const { state, params } = context
  const entity = readableEntity(context)
  const filter = parameter(params, 'filter')
  const order = parameter(params, 'order')
  const select = parameter(params, 'select')
  const wanted = isPhpArray(filter) ? filter : {}
  const page = pageOf(parameter(params, 'start'))
  const { records, total } = find(
    state,
    entity,
    itemFilter(state, entity, wanted),
    orderOf(entity, isPhpArray(order) ? order : {}),
    page
  )
  const items = records.map(record => itemRow(state, entity, record, select, originalNames(context)))
  // `start=-1` leaves out both numbers, where the classic family prints a total of 0 (trap 9).
  return { result: { items }, ...(page.count && countsOf(context, entity, wanted, page, total)) }
}

/** @throws {RestError} INVALID_ARG_VALUE for an unknown field or direction. */
function orderOf(entity: Entity, order: PhpArray): Order[] {
  return Object.entries(order).map(([name, direction]) => {
    const field = itemField(entity, name)
    if (field === undefined) {
      throw new RestError(400, 'INVALID_ARG_VALUE', `Invalid order: field '${upperCase(name)}' is not allowed in order`)
    }
    const wanted = toText(direction)?.trim().toUpperCase()
    if (wanted !== 'ASC' && wanted !== 'DESC') {
      const text = `Invalid order: allowed sort directions are \`ASC, DESC\`. But got '${toText(direction) ?? 'array'}' for field '${name}'`
      throw new RestError(400, 'INVALID_ARG_VALUE', text)
    }
    return { field, descending: wanted === 'DESC' }
  })
}

function update(context: CallContext): MethodResult {
  const entity = entityOf(context)
  const record = stored(context, entity)
  const draft = itemDraft(context, entity, requiredArray(context.params, 'fields'), false)
  return printed(context, entity, updateRecord(context, entity, record, draft, REFUSED))
}

function remove(context: CallContext): MethodResult {
  const entity = entityOf(context)
  removeRecord(context, entity, stored(context, entity), REFUSED)
  return { result: [] }
}

function importOne(context: CallContext, entity: Entity, fields: PhpArray): { item: { id: number } } {
  return { item: { id: insertDraft(context, entity, itemDraft(context, entity, fields, true), REFUSED).id } }
}

function importItem(context: CallContext): MethodResult {
  return { result: importOne(context, entityOf(context), requiredArray(context.params, 'fields')) }
}

/** Keys of the answer mirror those of `data`; an entry that fails does not fail the others. */
function batchImport(context: CallContext): MethodResult {
  const entity = entityOf(context)
  const data = requiredArray(context.params, 'data')
  if (Object.keys(data).length > IMPORT_LIMIT) {
    throw new RestError(400, 'MAX_IMPORT_BATCH_SIZE_EXCEEDED', `You can only import ${IMPORT_LIMIT} items at a time`)
  }
  const imported = (fields: unknown) => {
    try {
      return importOne(context, entity, isPhpArray(fields) ? fields : {})
    } catch (error) {
      if (!(error instanceof RestError)) throw error
      return { error: error.code, error_description: error.message }
    }
  }
  const items = Array.isArray(data)
    ? data.map(imported)
    : Object.fromEntries(Object.entries(data).map(([key, value]) => [key, imported(value)]))
  return { result: { items } }
}

/** The eight universal methods. */
export const itemMethods: Method[] = Object.entries({
  fields,
  add,
  get,
  list,
  update,
  delete: remove,
  import: importItem,
  batchImport
}).map(([name, handle]) => ({ name: `crm.item.${name}`, scope: 'crm', handle }))
