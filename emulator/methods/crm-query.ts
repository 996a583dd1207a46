// Finds the records of a list call: picks an index, filters, sorts, cuts a page.
// Must stay true: with an index for every condition nothing but the page is read, however many records the portal has.
import type { CallContext } from '../method.ts'
import type { OrderedIds } from '../ordered-ids.ts'
import type { CrmRecord, RecordTable } from '../records.ts'
import type { PortalState } from '../state.ts'
import { type Entity, type Field, fieldValue } from './crm-fields.ts'
import { type Condition, comparable, type Filter, type Test } from './crm-filter.ts'
import { type PhpArray, toInteger, toText } from './crm-values.ts'

/** Rows of a page: fixed (protocol.md, 4.5). */
const PAGE_SIZE = 50

export interface Order {
  readonly field: Field
  readonly descending: boolean
}

export interface Page {
  readonly offset: number
  /** False: the first rows without a counting query (`start=-1`). */
  readonly count: boolean
}

export interface Found {
  readonly records: CrmRecord[]
  /** All matching records; 0 when they were not counted. */
  readonly total: number
}

/** `start` → which page; a start inside a page gives that page, a negative one the first without counting (protocol.md, traps 9, 10). */
export function pageOf(start: unknown): Page {
  const first = toInteger(start)
  return first < 0 ? { offset: 0, count: false } : { offset: Math.floor(first / PAGE_SIZE) * PAGE_SIZE, count: true }
}

/** Reads one page of the records that match. Without an order: ascending by id, as the database happens to do. */
export function find(state: PortalState, entity: Entity, filter: Filter, order: readonly Order[], page: Page): Found {
  const table = state.table(entity.name)
  const plan = planFor(state, entity, table, filter)
  const [first] = order
  if (first !== undefined && first.field.name !== 'ID') return sorted(state, table, plan, order, page)
  return inOrder(table, plan, first?.descending ?? false, page)
}

/** The members `total` and `next` of a list's answer, true or not (state.ts, Totals). */
export function countsOf(
  { state, now }: CallContext,
  { name }: Entity,
  filter: PhpArray,
  { offset, count }: Page,
  total: number
): { total?: number; next?: number } {
  if (!count && state.totals !== 'missing') return { total }
  const told = state.tellTotal(`${name} ${JSON.stringify(filter)}`, total, now)
  if (told === undefined) return {}
  const next = offset + PAGE_SIZE
  return { total: told, ...(next < told && { next }) }
}

interface Plan {
  /** Candidates: an index, or a short ascending list. */
  readonly source: OrderedIds | readonly number[]
  readonly low: number
  readonly high: number
  /** What the source does not settle. */
  readonly tests: readonly Test[]
}

const NO_IDS: readonly number[] = []

function planFor(state: PortalState, entity: Entity, table: RecordTable, filter: Filter): Plan {
  let low = 1
  let high = Number.MAX_SAFE_INTEGER - 1
  let source: OrderedIds | readonly number[] = table.ids
  const open: Condition[] = []
  for (const condition of filter.conditions) {
    const bounds = condition.field.name === 'ID' ? rangeOf(condition) : undefined
    if (bounds === undefined) open.push(condition)
    else {
      low = Math.max(low, bounds[0])
      high = Math.min(high, bounds[1])
    }
  }
  const indexed =
    open.map(condition => ({ condition, ids: shortList(state, entity, table, condition) })).find(each => each.ids) ??
    open.map(condition => ({ condition, ids: ofOriginator(table, condition) })).find(each => each.ids)
  if (indexed?.ids) source = indexed.ids
  const tests = open.filter(condition => condition !== indexed?.condition).map(condition => condition.test)
  return { source, low, high, tests: [...tests, ...filter.tests] }
}

/** The closed range of ids that a comparison leaves. */
function rangeOf({ operation, values }: Condition): readonly [number, number] | undefined {
  const bound = toInteger(values[0])
  if (operation === '>') return [bound + 1, Number.MAX_SAFE_INTEGER - 1]
  if (operation === '>=') return [bound, Number.MAX_SAFE_INTEGER - 1]
  if (operation === '<') return [1, bound - 1]
  if (operation === '<=') return [1, bound]
  return undefined
}

/** Ascending ids that exactly fulfil a condition, where an index gives them without a scan. */
function shortList(
  state: PortalState,
  entity: Entity,
  table: RecordTable,
  { field, operation, values }: Condition
): readonly number[] | undefined {
  if (operation !== 'in') return undefined
  if (field.name === 'ID') return ascending(values.map(toInteger).filter(id => table.get(id) !== undefined))
  if (field.name === 'ORIGIN_ID') {
    const texts = values.map(toText)
    // Empty origin ids are in no index.
    return texts.every(Boolean) ? ascending(texts.flatMap(text => table.withOrigin(text as string))) : undefined
  }
  if (field.name === 'COMPANY_ID' && entity.name === 'contact') {
    const companies = values.map(toInteger)
    if (companies.some(id => id <= 0)) return undefined
    const linked = companies.flatMap(id => state.links.contactIds(id))
    // The filter compares the primary company only [INF].
    return ascending(linked).filter(id => companies.includes(state.links.primary(id) ?? 0))
  }
  return undefined
}

function ofOriginator(table: RecordTable, { field, operation, values }: Condition) {
  if (field.name !== 'ORIGINATOR_ID' || operation !== 'in' || values.length !== 1) return undefined
  const originatorId = toText(values[0])
  return originatorId ? (table.originated(originatorId) ?? NO_IDS) : undefined
}

const ascending = (ids: readonly number[]) => [...new Set(ids)].sort((one, other) => one - other)

/** Calls `visit` for every matching record, in order of ids, until it answers false. */
function walk(table: RecordTable, plan: Plan, descending: boolean, visit: (record: CrmRecord) => boolean): void {
  const { source, low, high, tests } = plan
  const step = (id: number) => {
    const record = table.get(id) as CrmRecord
    for (const test of tests) if (!test(record)) return true
    return visit(record)
  }
  if ('scan' in source) {
    source.scan(low, high, descending, step)
    return
  }
  const ids = source.filter(id => id >= low && id <= high)
  for (const id of descending ? ids.reverse() : ids) if (!step(id)) return
}

function inOrder(table: RecordTable, plan: Plan, descending: boolean, { offset, count }: Page): Found {
  const { source, low, high, tests } = plan
  if ('scan' in source && tests.length === 0) {
    const ids = source.slice(low, high, descending, offset, PAGE_SIZE)
    const whole = low === 1 && high === Number.MAX_SAFE_INTEGER - 1
    const total = count ? (whole ? source.size : source.count(low, high)) : 0
    return { records: ids.map(id => table.get(id) as CrmRecord), total }
  }
  const records: CrmRecord[] = []
  let total = 0
  walk(table, plan, descending, record => {
    if (total >= offset && records.length < PAGE_SIZE) records.push(record)
    total += 1
    return count || records.length < PAGE_SIZE
  })
  return { records, total: count ? total : 0 }
}

function sorted(
  state: PortalState,
  table: RecordTable,
  plan: Plan,
  order: readonly Order[],
  { offset, count }: Page
): Found {
  const records: CrmRecord[] = []
  walk(table, plan, false, record => records.push(record) > 0)
  const rows = records.map(record => ({
    record,
    keys: order.map(({ field }) => comparable(field, fieldValue(state, record, field), state.utcOffsetMinutes))
  }))
  rows.sort((one, other) => {
    for (const [at, { descending }] of order.entries()) {
      const difference = compare(one.keys[at] ?? null, other.keys[at] ?? null)
      if (difference !== 0) return descending ? -difference : difference
    }
    return one.record.id - other.record.id
  })
  const page = rows.slice(offset, offset + PAGE_SIZE).map(({ record }) => record)
  return { records: page, total: count ? records.length : 0 }
}

/** Empty values first, as MySQL sorts NULL. */
function compare(one: string | number | null, other: string | number | null): number {
  if (one === other) return 0
  if (one === null) return -1
  if (other === null) return 1
  return one < other ? -1 : 1
}
