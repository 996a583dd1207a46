// Reads `fields` of crm.item.add, update and import into a draft.
// Must stay true: `fm` only adds values; the import methods also take the classic PHONE form (protocol.md, trap 39).
import { type CallContext, RestError } from '../method.ts'
import { readPortalTime } from '../portal-time.ts'
import type { RecordValues } from '../records.ts'
import { type Entity, type Field, MULTIFIELD_KINDS } from './crm-fields.ts'
import type { MultifieldInput } from './crm-multifields.ts'
import { isPhpArray, type PhpArray, toList, toText } from './crm-values.ts'
import { type Draft, existingIds, multifieldInputs, storedValue } from './crm-write.ts'

/** @throws {RestError} CRM_FIELD_ERROR_VALUE_NOT_VALID for a time that is none, `100` for a list field without a list. */
export function itemDraft(context: CallContext, entity: Entity, fields: PhpArray, importing: boolean): Draft {
  const values: RecordValues = {}
  const multifields: MultifieldInput[] = []
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'fm') multifields.push(...fmInputs(listOf(value)))
    if (importing && MULTIFIELD_KINDS.includes(name)) multifields.push(...multifieldInputs(name, value))
    const field = entity.byItemName.get(name) ?? originalField(entity, name)
    if (field === undefined || !(field.access === 'write' || (importing && field.access === 'import'))) continue
    const stored = storedItemValue(context, field, value)
    if (stored !== undefined) values[field.name] = stored
  }
  return { fields, values, multifields, links: linksOf(context, entity, fields) }
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

/** User fields are taken under their original name too (useOriginalUfNames). */
function originalField(entity: Entity, name: string): Field | undefined {
  const field = entity.byName.get(name)
  return field?.userField ? field : undefined
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

/** Items of `fm`; their `id` is ignored (docs, object-fields.md), so nothing is ever changed or removed through it. */
function fmInputs(items: readonly unknown[]): MultifieldInput[] {
  return items.filter(isPhpArray).flatMap(({ typeId, valueType, value }) => {
    const kind = toText(typeId) ?? ''
    if (!MULTIFIELD_KINDS.includes(kind)) return []
    return [{ kind, id: 0, value: toText(value), type: toText(valueType), remove: false }]
  })
}
