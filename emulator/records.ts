// One table of CRM records with its indexes: by id, by originator and by origin id.
// Must stay true: ids are never given twice, and every change of ORIGINATOR_ID or ORIGIN_ID goes through `change`.
import { OrderedIds } from './ordered-ids.ts'

/** A phone, e-mail, site or messenger of a record (protocol.md, 4.3). */
export interface Multifield {
  readonly id: number
  /** PHONE, EMAIL, WEB, IM, LINK. */
  readonly kind: string
  /** WORK, MOBILE … */
  readonly type: string
  readonly value: string
}

export type RecordValues = { [field: string]: string | null }

/** A stored record: only fields that were ever set; defaults are added when it is read (crm-fields.ts). */
export interface CrmRecord {
  readonly id: number
  readonly values: Readonly<RecordValues>
  readonly multifields: readonly Multifield[]
}

/** Origin keys are compared as MySQL's default collation does: without regard to case. */
const keyOf = (text: string) => text.toLowerCase()

export class RecordTable {
  readonly ids = new OrderedIds()
  readonly #records = new Map<number, CrmRecord>()
  readonly #byOriginator = new Map<string, OrderedIds>()
  readonly #byOrigin = new Map<string, number[]>()
  #nextId: number

  constructor(firstId: number) {
    this.#nextId = firstId
  }

  get size(): number {
    return this.#records.size
  }

  /** The id that the next record without a given id gets. */
  get nextId(): number {
    return this.#nextId
  }

  get(id: number): CrmRecord | undefined {
    return this.#records.get(id)
  }

  /** Every record, ascending by id. */
  all(): CrmRecord[] {
    return this.ids
      .slice(0, Number.MAX_SAFE_INTEGER - 1, false, 0, Number.POSITIVE_INFINITY)
      .map(id => this.#records.get(id) as CrmRecord)
  }

  /** @throws {Error} when a given id is taken or not a positive whole number. */
  insert(values: RecordValues, multifields: readonly Multifield[], id: number = this.#nextId): CrmRecord {
    if (!Number.isSafeInteger(id) || id <= 0 || this.#records.has(id)) throw new Error(`id ${id} cannot be used`)
    const record = { id, values, multifields }
    this.#records.set(id, record)
    this.ids.add(id)
    this.#index(record)
    if (id >= this.#nextId) this.#nextId = id + 1
    return record
  }

  /** Overlays values and, when given, replaces the multifields. */
  change(record: CrmRecord, values: RecordValues, multifields: readonly Multifield[] = record.multifields): CrmRecord {
    const changed = { id: record.id, values: { ...record.values, ...values }, multifields }
    this.#unindex(record)
    this.#records.set(record.id, changed)
    this.#index(changed)
    return changed
  }

  delete(id: number): boolean {
    const record = this.#records.get(id)
    if (record === undefined) return false
    this.#unindex(record)
    this.ids.delete(id)
    return this.#records.delete(id)
  }

  /** Ids of the records of one originator; undefined when there is none. */
  originated(originatorId: string): OrderedIds | undefined {
    return this.#byOriginator.get(keyOf(originatorId))
  }

  /** Ids of the records with an origin id, whoever is the originator. */
  withOrigin(originId: string): readonly number[] {
    return this.#byOrigin.get(keyOf(originId)) ?? []
  }

  #index({ id, values }: CrmRecord): void {
    if (values.ORIGINATOR_ID) {
      const key = keyOf(values.ORIGINATOR_ID)
      let ids = this.#byOriginator.get(key)
      if (ids === undefined) {
        ids = new OrderedIds()
        this.#byOriginator.set(key, ids)
      }
      ids.add(id)
    }
    if (values.ORIGIN_ID) {
      const key = keyOf(values.ORIGIN_ID)
      const ids = this.#byOrigin.get(key)
      if (ids === undefined) this.#byOrigin.set(key, [id])
      else ids.push(id)
    }
  }

  #unindex({ id, values }: CrmRecord): void {
    if (values.ORIGINATOR_ID) {
      const key = keyOf(values.ORIGINATOR_ID)
      const ids = this.#byOriginator.get(key)
      ids?.delete(id)
      if (ids?.size === 0) this.#byOriginator.delete(key)
    }
    if (values.ORIGIN_ID) {
      const key = keyOf(values.ORIGIN_ID)
      const ids = this.#byOrigin.get(key) ?? []
      if (ids.length <= 1) this.#byOrigin.delete(key)
      else ids.splice(ids.indexOf(id), 1)
    }
  }
}
