// Reads `fields` of crm.item.add, update and import into a draft.
// Must stay true: `fm` only adds values; the import methods also take the classic PHONE form (protocol.md, trap 39).
import { type CallContext, RestError } from '../method.ts'
import { readPortalTime } from '../portal-time.ts'
import type { RecordValues } from '../records.ts'
import { type Entity, type Field, itemField, itemName, MULTIFIELD_KINDS } from './crm-fields.ts'
import type { MultifieldInput } from './crm-multifields.ts'
import { isPhpArray, type PhpArray, toInteger, toList, toText } from './crm-values.ts'
import { type Draft, existingIds, multifieldInputs, storedValue } from './crm-write.ts'

/** @throws {RestError} CRM_FIELD_ERROR_VALUE_NOT_VALID for a time that is none, `100` for a list field without a list. */
export function itemDraft(context: CallContext, entity: Entity, fields: PhpArray, importing: boolean): Draft {
  const values: RecordValues = {}
  const multifields: MultifieldInput[] = []
  for (const [spelling, value] of Object.entries(fields)) {
    const name = itemName(spelling)
    if (name === 'fm') multifields.push(...fmInputs(value))
    if (importing && MULTIFIELD_KINDS.includes(spelling)) multifields.push(...multifieldInputs(spelling, value))
    const field = itemField(entity, spelling)
    if (field === undefined || !(field.access === 'write' || (importing && field.access === 'import'))) continue
    const stored = storedItemValue(context, field, value)
    if (stored !== undefined) values[field.name] = stored
  }
  const named = Object.fromEntries(Object.entries(fields).map(([name, value]) => [itemName(name), value]))
  return { fields, values, multifields, links: linksOf(context, entity, named) }
}

/** `companyIds` wins over the deprecated `companyId`. */
function linksOf(context: CallContext, entity: Entity, fields: PhpArray): number[] | undefined {
  const list = fields[entity.itemLinks]
  if (list !== undefined && list !== null) return existingIds(context, entity, listOf(list))
  if (entity.name === 'company' || fields.companyId === undefined) return undefined
  return existingIds(context, entity, [fields.companyId])
}

/** @throws {RestError} `100` when the value is no list. */
function listOf(value: unknown): unknown[] {
  if (isPhpArray(value) || value === null || value === '') return toList(value)
  const type = typeof value === 'number' ? 'integer' : typeof value
  throw new RestError(400, '100', `Expected iterable value for multiple field, but got ${type} instead`)
}

function storedItemValue(context: CallContext, field: Field, value: unknown): string | null | undefined {
  const offset = context.state.utcOffsetMinutes
  // Flags are read more generously here than in the classic family (docs, object-fields.md).
  if (field.storage === 'flag') return ['true', 'y', 'Y', '1'].includes(toText(value) ?? '') ? 'Y' : 'N'
  const text = toText(value)
  if (field.storage === 'time' && text && readPortalTime(text, offset) === undefined) {
    throw new RestError(400, 'CRM_FIELD_ERROR_VALUE_NOT_VALID', `Invalid value for field "${field.item ?? field.name}"`)
  }
  return storedValue(field, value, offset)
}

/** Items of `fm`: those of a list are new, whatever their `id` (docs, object-fields.md); those of a map are named by theirs (item.php). */
function fmInputs(value: unknown): MultifieldInput[] {
  const items = Array.isArray(value) ? value : listOf(value)
  const ids = Array.isArray(value) || !isPhpArray(value) ? [] : Object.keys(value).map(toInteger)
  return items.flatMap((item, at) => {
    if (!isPhpArray(item)) return []
    const { typeId, valueType } = item
    const id = ids[at] ?? 0
    const kind = toText(typeId) ?? ''
    if (!MULTIFIELD_KINDS.includes(kind) && id <= 0) return []
    const text = item.value === undefined ? undefined : toText(item.value)
    return [{ kind, id, value: text, type: toText(valueType), remove: false }]
  })
}
