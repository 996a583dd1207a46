// The memory of one emulated portal: companies, contacts, their multifields and links.
// Must stay true: removing a record leaves no link to it, and nothing here knows REST, HTTP or credentials.
import { LinkTable } from './links.ts'
import { type CrmRecord, type Multifield, RecordTable, type RecordValues } from './records.ts'
import { type SeedOptions, seedPortal } from './seed.ts'

export type EntityName = 'company' | 'contact'

/** What the portal's validation texts are written in. */
export type PortalLanguage = 'en' | 'ru'

/**
 * How `*.delete` answers for an id that does not exist (protocol.md, 4.8; fidelity.md, F12):
 * `source`: as today's module, company `""` with an empty text, or with the text of the company write that failed before it
 * in the same request; contact `ERROR_CORE` with «Element not found» in the portal's language;
 * `documented`: the same for contacts, company `""` "Company is not found";
 * `translated`, `break`: both `ERROR_CORE` with the contact's text, `break` with `<br>` at its end;
 * `empty`: `""` with an empty text (the module's source without factory mode);
 * `plain`: `""` "Not found"; `coded`: `ERROR_NOT_FOUND` "Not found".
 */
export type MissingDelete = 'source' | 'documented' | 'translated' | 'break' | 'empty' | 'plain' | 'coded'

/**
 * How lists tell their total, and with it `next` (fidelity.md, F7): `missing`: not at all; `fifty`: 50 whatever there is;
 * `off`: up to two too few or too many; `stale`: what the same filter was counted at up to 5 s before (CountCache).
 */
export type Totals = 'exact' | 'missing' | 'fifty' | 'off' | 'stale'

/**
 * What fields print in which nothing was ever set, where recorded portals differ (fidelity.md, F11): `null`: REVENUE, COMMENTS
 * and TYPE_ID are null; `filled`: a contact's COMPANY_ID is "0"; `mixed`: the first as texts, the last as null.
 */
export type Empties = 'mixed' | 'null' | 'filled'

/** Something that a person may be kept from. */
export type Right = `${EntityName}.${'read' | 'add' | 'update' | 'delete'}`

/** Classic names of the fields that an administrator made required; nothing is by default (protocol.md, 4.3). */
export type RequiredFields = { readonly [entity in EntityName]?: readonly string[] }

/** Decides before a write whether a row is rejected: the text of the error, or undefined. On add `row` is the call's `fields`, else the stored record. */
export type Refuse = (
  entity: EntityName,
  action: 'add' | 'update' | 'delete',
  row: Readonly<Record<string, unknown>> | CrmRecord
) => string | undefined

export interface PortalStateOptions {
  /** The portal's time zone, minutes east of UTC. Default 180 (Moscow). */
  readonly utcOffsetMinutes?: number
  /** First id given per entity. Default 1; different numbers make mixed-up ids visible. */
  readonly firstIds?: { readonly company?: number; readonly contact?: number }
  /** Default `documented`. */
  readonly missingDelete?: MissingDelete
  /** Default `en`. */
  readonly language?: PortalLanguage
  /** Default none. */
  readonly required?: RequiredFields
  /** Default `exact`. */
  readonly totals?: Totals
  /** Default `mixed`. */
  readonly empties?: Empties
  /** Unix milliseconds, for seeding. Default Date.now. */
  readonly now?: () => number
}

export interface PortalState {
  readonly utcOffsetMinutes: number
  readonly companies: RecordTable
  readonly contacts: RecordTable
  readonly links: LinkTable
  /** Settable at run time. */
  missingDelete: MissingDelete
  /** Settable at run time. */
  language: PortalLanguage
  /** Settable at run time. */
  totals: Totals
  /** Settable at run time. */
  empties: Empties
  /** What a list says of `total` matching records; `query` names its entity and filter, `time` is unix ms. */
  tellTotal(query: string, total: number, time: number): number | undefined
  /** Settable at run time: a row without one of these is refused. */
  required: RequiredFields
  /** Settable at run time: rejects chosen rows. */
  refuse: Refuse | undefined
  /** Keeps a person from these things from now on, and from nothing else. */
  deny(person: number, rights: readonly Right[]): void
  denies(person: number, right: Right): boolean
  table(entity: EntityName): RecordTable
  /** A multifield with the portal's next multifield id. */
  multifield(kind: string, type: string, value: string): Multifield
  /** Stores a record. `values` are as crm-fields.ts stores them. */
  insert(entity: EntityName, values: RecordValues, multifields?: readonly Multifield[], id?: number): CrmRecord
  /** Removes a record with its links; answers whether it was there. The records linked to it stay. */
  remove(entity: EntityName, id: number): boolean
  /** Fills the portal with plausible or given records. */
  seed(options: SeedOptions): void
  counts(): { companies: number; contacts: number }
  /** Every record, ascending by id. */
  records(entity: EntityName): CrmRecord[]
  /** Records with an origin tag: more than one means a duplicate. */
  withOriginTag(entity: EntityName, originatorId: string, originId: string): CrmRecord[]
  /** Ids of a contact's companies in their order, the primary one anywhere among them. */
  companyIdsOf(contactId: number): number[]
  /** Ids of a company's contacts, ascending. */
  contactIdsOf(companyId: number): number[]
}

/** A new, empty portal. */
export function createPortalState(options: PortalStateOptions = {}): PortalState {
  const companies = new RecordTable(options.firstIds?.company ?? 1)
  const contacts = new RecordTable(options.firstIds?.contact ?? 1)
  const links = new LinkTable()
  const now = options.now ?? Date.now
  const denied = new Map<number, readonly Right[]>()
  const counted: Counted = new Map()
  let nextMultifieldId = 1

  const state: PortalState = {
    utcOffsetMinutes: options.utcOffsetMinutes ?? 180,
    companies,
    contacts,
    links,
    missingDelete: options.missingDelete ?? 'documented',
    language: options.language ?? 'en',
    required: options.required ?? {},
    totals: options.totals ?? 'exact',
    empties: options.empties ?? 'mixed',
    tellTotal: (query, total, time) => tellTotal(state.totals, counted, { query, total, time }),
    refuse: undefined,
    deny: (person, rights) => void denied.set(person, rights),
    denies: (person, right) => denied.get(person)?.includes(right) ?? false,
    table: entity => (entity === 'company' ? companies : contacts),
    multifield(kind, type, value) {
      return { id: nextMultifieldId++, kind, type, value }
    },
    insert: (entity, values, multifields = [], id) => state.table(entity).insert(values, multifields, id),
    remove(entity, id) {
      if (!state.table(entity).delete(id)) return false
      if (entity === 'company') links.dropCompany(id)
      else links.dropContact(id)
      return true
    },
    seed: seedOptions => seedPortal(state, seedOptions, now()),
    counts: () => ({ companies: companies.size, contacts: contacts.size }),
    records: entity => state.table(entity).all(),
    withOriginTag: (entity, originatorId, originId) =>
      state
        .table(entity)
        .withOrigin(originId)
        .map(id => state.table(entity).get(id) as CrmRecord)
        .filter(({ values }) => values.ORIGINATOR_ID === originatorId && values.ORIGIN_ID === originId),
    companyIdsOf: contactId => links.ofContact(contactId).map(link => link.companyId),
    contactIdsOf: companyId => links.contactIds(companyId)
  }
  return state
}

type Counted = Map<string, { readonly total: number; readonly until: number }>

const STALE_MS = 5000

function tellTotal(
  totals: Totals,
  counted: Counted,
  { query, total, time }: { readonly query: string; readonly total: number; readonly time: number }
): number | undefined {
  if (totals === 'missing') return undefined
  if (totals === 'fifty') return 50
  // Changes with the number of records, so that it is wrong on some pages and right on others.
  if (totals === 'off') return Math.max(0, total + (total % 5) - 2)
  if (totals === 'exact') return total
  const known = counted.get(query)
  if (known !== undefined && known.until > time) return known.total
  counted.set(query, { total, until: time + STALE_MS })
  return total
}
