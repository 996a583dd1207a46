// Filters of both method families: prefixes, unknown fields, nested logic (protocol.md, 4.5 and 4.11).
// Must stay true: an unknown classic field is dropped (the filter widens, trap 2); in crm.item it is an error.
import { RestError } from '../method.ts'
import { dayOf, readPortalTime } from '../portal-time.ts'
import type { CrmRecord } from '../records.ts'
import type { PortalState } from '../state.ts'
import { type Entity, type Field, fieldValue, itemField, MULTIFIELD_KINDS } from './crm-fields.ts'
import { upperCase } from './crm-metadata.ts'
import { isPhpArray, type PhpArray, toInteger, toNumber, toText } from './crm-values.ts'

type Operation = 'in' | 'notIn' | '>' | '>=' | '<' | '<=' | 'contains' | 'notContains' | 'like' | 'notLike'
export type Test = (record: CrmRecord) => boolean

/** One condition on a field; the planner of crm-query.ts reads it, everybody else calls `test`. */
export interface Condition {
  readonly field: Field
  readonly operation: Operation
  readonly values: readonly unknown[]
  readonly test: Test
}

export interface Filter {
  readonly conditions: readonly Condition[]
  /** Conditions without an index: nested groups. */
  readonly tests: readonly Test[]
}

// Longest first: `!=%` must not be read as `!=` and a field named `%…`.
const PREFIXES: readonly (readonly [string, Operation])[] = [
  ['!=%', 'notLike'],
  ['!%=', 'notLike'],
  ['!%', 'notContains'],
  ['=%', 'like'],
  ['%=', 'like'],
  ['!@', 'notIn'],
  ['!=', 'notIn'],
  ['>=', '>='],
  ['<=', '<='],
  ['!', 'notIn'],
  ['>', '>'],
  ['<', '<'],
  ['@', 'in'],
  ['%', 'contains'],
  ['=', 'in']
]

function splitPrefix(key: string): readonly [Operation, string] {
  for (const [prefix, operation] of PREFIXES) {
    if (key.startsWith(prefix)) return [operation, key.slice(prefix.length)]
  }
  return ['in', key]
}

/** Parses a classic filter. Unknown fields and empty lists of values are dropped, as the portal drops them. */
export function classicFilter(state: PortalState, entity: Entity, filter: PhpArray): Filter {
  const conditions: Condition[] = []
  for (const [key, value] of Object.entries(filter)) {
    const [operation, name] = splitPrefix(key)
    const field = entity.byName.get(name)
    const filterable = field !== undefined && (field.access !== 'link' || field.computed || isMultifield(field))
    if (!filterable || (isPhpArray(value) && Object.keys(value).length === 0)) continue
    conditions.push(condition(state, field, operation, value))
  }
  return { conditions, tests: [] }
}

/** Parses a filter of crm.item.list. @throws {RestError} INVALID_ARG_VALUE for a field that cannot be filtered. */
export function itemFilter(state: PortalState, entity: Entity, filter: PhpArray): Filter {
  const conditions: Condition[] = []
  const tests: Test[] = []
  for (const [key, value] of Object.entries(filter)) {
    if (key.toLowerCase() === 'logic') continue
    if (/^\d+$/.test(key) && isPhpArray(value)) {
      tests.push(anyOrAll(itemFilter(state, entity, value), value))
      continue
    }
    const [operation, name] = splitPrefix(key)
    const field = itemField(entity, name)
    if (field === undefined) {
      throw new RestError(
        400,
        'INVALID_ARG_VALUE',
        `Invalid filter: field '${upperCase(name)}' is not allowed in filter`
      )
    }
    conditions.push(condition(state, field, operation, value))
  }
  const parsed = { conditions, tests }
  return isOr(filter) ? { conditions: [], tests: [anyOrAll(parsed, filter)] } : parsed
}

const isOr = (filter: PhpArray) =>
  Object.entries(filter).some(
    ([key, value]) => key.toLowerCase() === 'logic' && toText(value)?.trim().toUpperCase() === 'OR'
  )

function anyOrAll({ conditions, tests }: Filter, filter: PhpArray): Test {
  const all = [...conditions.map(each => each.test), ...tests]
  if (all.length === 0) return () => true
  return isOr(filter) ? record => all.some(test => test(record)) : record => all.every(test => test(record))
}

const isMultifield = (field: Field) => MULTIFIELD_KINDS.includes(field.name)

/** Ids and directory values are never searched by substring: the portal compares them instead (protocol.md, 4.5). */
function settled(field: Field, operation: Operation): Operation {
  if (field.storage === 'text' && field.type !== 'crm_status' && field.type !== 'crm_multifield') return operation
  if (operation === 'contains' || operation === 'like') return 'in'
  if (operation === 'notContains' || operation === 'notLike') return 'notIn'
  // Phones and e-mails are exact-match only.
  return field.type === 'crm_multifield' && operation !== 'notIn' ? 'in' : operation
}

function condition(state: PortalState, field: Field, prefix: Operation, value: unknown): Condition {
  const operation = settled(field, prefix)
  const values = isPhpArray(value) ? Object.values(value) : [value]
  const wanted = values.map(each => comparable(field, each, state.utcOffsetMinutes))
  if (isMultifield(field)) {
    const holds = (record: CrmRecord) =>
      record.multifields.some(each => each.kind === field.name && wanted.includes(each.value.toLowerCase()))
    const test: Test = operation === 'in' ? holds : record => !holds(record)
    return { field, operation, values, test }
  }
  const matches = matcher(operation, wanted)
  const test: Test = record => matches(comparable(field, fieldValue(state, record, field), state.utcOffsetMinutes))
  return { field, operation, values, test }
}

type Comparable = string | number | null

/** A value as the database compares it: numbers, milliseconds, or text without regard to case; null and "" are both empty. */
export function comparable(field: Field, value: unknown, offsetMinutes: number): Comparable {
  if (value === null || value === undefined || value === '') return null
  if (field.storage === 'integer') return toInteger(value)
  if (field.storage === 'number') return toNumber(value)
  const text = toText(value)
  if (field.storage === 'time') return text === undefined ? null : timeOf(field, text, offsetMinutes)
  return text === undefined ? '1' : text.toLowerCase()
}

function timeOf(field: Field, text: string, offsetMinutes: number): number {
  const time = readPortalTime(text, offsetMinutes) ?? Number.NaN
  return field.type === 'date' ? dayOf(time, offsetMinutes) : time
}

function matcher(operation: Operation, wanted: readonly Comparable[]): (value: Comparable) => boolean {
  const [first = null] = wanted
  switch (operation) {
    case 'in':
      return wanted.length === 1 ? value => value === first : oneOf(wanted)
    case 'notIn': {
      const matches = oneOf(wanted)
      return value => !matches(value)
    }
    case '>':
      return value => value !== null && value > (first ?? '')
    case '>=':
      return value => value !== null && value >= (first ?? '')
    case '<':
      return value => value !== null && value < (first ?? '')
    case '<=':
      return value => value !== null && value <= (first ?? '')
    case 'contains':
      return value => wanted.some(text => String(value ?? '').includes(String(text ?? '')))
    case 'notContains':
      return value => !wanted.some(text => String(value ?? '').includes(String(text ?? '')))
    case 'like':
    case 'notLike': {
      const patterns = wanted.map(likePattern)
      const matches = (value: Comparable) => patterns.some(pattern => pattern.test(String(value ?? '')))
      return operation === 'like' ? matches : value => !matches(value)
    }
  }
}

function oneOf(wanted: readonly Comparable[]): (value: Comparable) => boolean {
  const set = new Set(wanted)
  return value => set.has(value)
}

/** SQL LIKE: `%` any text, `_` any character. */
function likePattern(wanted: Comparable): RegExp {
  const source = String(wanted ?? '').replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`^${source.replaceAll('%', '.*').replaceAll('_', '.')}$`, 's')
}
