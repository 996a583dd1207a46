// Pages of companies and contacts for the tables, read on demand.
// Must stay true: pages are cut by id, only shown fields are selected, and a page costs two requests whatever the portal holds,
// three where companies have many contacts.
import { z } from 'zod'
import type { Channel, Visit } from './channel.ts'
import { chunks } from './chunks.ts'
import { demandOutcome } from './demand.ts'
import { type EntityName, entities } from './entities.ts'
import { type BatchReply, type Command, PortalFailure } from './portal.ts'

export interface CompanyItem {
  readonly id: number
  readonly title: string
  readonly phone: string | null
  readonly contacts: readonly { readonly id: number; readonly name: string }[]
  /** The company has more contacts than are shown. */
  readonly more: boolean
}

export interface ContactItem {
  readonly id: number
  readonly lastName: string
  readonly name: string
  readonly secondName: string
  readonly phone: string | null
  readonly company: { readonly id: number; readonly title: string } | null
}

export interface RecordItems {
  readonly company: CompanyItem
  readonly contact: ContactItem
}

export interface RecordsPage<Item> {
  readonly items: readonly Item[]
  /** `after` of the next page; null on the last one. */
  readonly next: number | null
  readonly total: number
}

export const recordOrders = ['oldest', 'newest'] as const
/** By id, which a portal gives in the order of creation. */
export type RecordOrder = (typeof recordOrders)[number]

export interface PageRequest {
  /** Default: oldest first. */
  readonly order?: RecordOrder
  /** Id of the last record of the page before, in the same order; null = from the start. */
  readonly after: number | null
  /** 1..50 */
  readonly limit: number
}

const PAGE = 50
/** Contacts that a row shows of its company. */
const CONTACTS_SHOWN = 3

const text = z
  .union([z.string(), z.null()])
  .transform(value => value ?? '')
  .default('')
const id = z.coerce.number().int()
/** The first number; null where there is none (Bitrix24 then leaves the key out). */
const phones = z
  .array(z.object({ VALUE: z.string() }))
  .nullish()
  .catch(null)
  .transform(list => list?.[0]?.VALUE ?? null)
const companyRow = z.object({ ID: id, TITLE: text, PHONE: phones })
const contactRow = z.object({
  ID: id,
  LAST_NAME: text,
  NAME: text,
  SECOND_NAME: text,
  PHONE: phones,
  COMPANY_ID: z.union([id, z.null()]).optional()
})

const listCommand = (
  key: string,
  entity: EntityName,
  select: readonly string[],
  filter: Record<string, unknown>,
  { start = -1, direction = 'ASC' }: { readonly start?: number; readonly direction?: 'ASC' | 'DESC' } = {}
): Command => ({ key, method: entities[entity].list, params: { order: { ID: direction }, filter, select, start } })

const rowsOf = <T>(schema: z.ZodType<T>, { outcomes }: BatchReply, { key, method }: Command): T[] => {
  const rows = z.array(schema).safeParse(demandOutcome(outcomes.get(key), method).result)
  if (!rows.success)
    throw new PortalFailure('lost', 'UNREADABLE', 'The portal answered a list with unreadable rows. Try again.')
  return rows.data
}

const selects = {
  company: ['ID', 'TITLE', 'PHONE'],
  contact: ['ID', 'LAST_NAME', 'NAME', 'SECOND_NAME', 'PHONE', 'COMPANY_ID']
} as const

/** One page and the total count, in one request. */
const readPage = async <T extends { ID: number }>(
  channel: Channel,
  entity: EntityName,
  schema: z.ZodType<T>,
  { order, after, limit }: PageRequest,
  visit: Visit
): Promise<{ rows: T[]; next: number | null; total: number }> => {
  const [direction, beyond] = order === 'newest' ? (['DESC', '<ID'] as const) : (['ASC', '>ID'] as const)
  const filter = after === null ? {} : { [beyond]: after }
  const list = listCommand('page', entity, selects[entity], filter, { direction })
  // `start: 0` makes the portal count; with `-1` it would not (protocol.md, trap 9).
  const count = listCommand('count', entity, ['ID'], {}, { start: 0 })
  // A full page may be the last one.
  const fromHere = listCommand('fromHere', entity, ['ID'], filter, { start: 0 })
  const commands = after === null ? [list, count] : [list, count, fromHere]
  const reply = await channel.execute(commands, visit)
  const counted = ({ key, method }: Command): number => demandOutcome(reply.outcomes.get(key), method).total ?? 0
  const rows = rowsOf(schema, reply, list).slice(0, limit)
  const total = counted(count)
  const more = (after === null ? total : counted(fromHere)) > rows.length
  return { rows, next: more ? (rows.at(-1)?.ID ?? null) : null, total }
}

/** One list for each group of companies. */
const listContacts = async (
  channel: Channel,
  groups: readonly (readonly number[])[],
  visit: Visit
): Promise<z.infer<typeof contactRow>[][]> => {
  if (groups.length === 0) return []
  const select = ['ID', 'LAST_NAME', 'NAME', 'SECOND_NAME', 'COMPANY_ID']
  const commands = groups.map((group, index) => listCommand(`k${index}`, 'contact', select, { '@COMPANY_ID': group }))
  const reply = await channel.execute(commands, visit)
  return commands.map(command => rowsOf(contactRow, reply, command))
}

/** Contacts of each company, oldest first: all of them, or more than a row shows. */
const contactsOf = async (
  channel: Channel,
  companyIds: readonly number[],
  visit: Visit
): Promise<Map<number, { id: number; name: string }[]>> => {
  const contacts = new Map<number, { id: number; name: string }[]>()
  const note = (rows: readonly z.infer<typeof contactRow>[]): void => {
    for (const row of rows) {
      const name = [row.LAST_NAME, row.NAME, row.SECOND_NAME].filter(part => part !== '').join(' ')
      const companyId = row.COMPANY_ID ?? 0
      contacts.set(companyId, [...(contacts.get(companyId) ?? []), { id: row.ID, name }])
    }
  }
  const groups = chunks(companyIds, 10)
  const lists = await listContacts(channel, groups, visit)
  lists.forEach(note)
  // A full list is cut: the contacts of a few companies may have left no room for those of the others.
  const short = groups
    .filter((_, index) => lists[index]?.length === PAGE)
    .flat()
    .filter(companyId => (contacts.get(companyId)?.length ?? 0) <= CONTACTS_SHOWN)
  for (const companyId of short) contacts.delete(companyId)
  const rest = await listContacts(
    channel,
    short.map(companyId => [companyId]),
    visit
  )
  rest.forEach(note)
  return contacts
}

const readCompanies = async (channel: Channel, page: PageRequest, visit: Visit): Promise<RecordsPage<CompanyItem>> => {
  const { rows, next, total } = await readPage(channel, 'company', companyRow, page, visit)
  const contacts = await contactsOf(
    channel,
    rows.map(({ ID }) => ID),
    visit
  )
  const items = rows.map(({ ID, TITLE, PHONE }) => {
    const all = contacts.get(ID) ?? []
    return {
      id: ID,
      title: TITLE,
      phone: PHONE,
      contacts: all.slice(0, CONTACTS_SHOWN),
      more: all.length > CONTACTS_SHOWN
    }
  })
  return { items, next, total }
}

const readContacts = async (channel: Channel, page: PageRequest, visit: Visit): Promise<RecordsPage<ContactItem>> => {
  const { rows, next, total } = await readPage(channel, 'contact', contactRow, page, visit)
  const ids = [...new Set(rows.map(({ COMPANY_ID }) => COMPANY_ID ?? 0).filter(companyId => companyId > 0))]
  const titles = new Map<number, string>()
  if (ids.length > 0) {
    const list = listCommand('titles', 'company', ['ID', 'TITLE'], { '@ID': ids })
    const reply = await channel.execute([list], visit)
    for (const { ID, TITLE } of rowsOf(companyRow, reply, list)) titles.set(ID, TITLE)
  }
  const items = rows.map(row => {
    const title = titles.get(row.COMPANY_ID ?? 0)
    return {
      id: row.ID,
      lastName: row.LAST_NAME,
      name: row.NAME,
      secondName: row.SECOND_NAME,
      phone: row.PHONE,
      company: title === undefined ? null : { id: row.COMPANY_ID ?? 0, title }
    }
  })
  return { items, next, total }
}

/**
 * A page of companies with their contacts, or of contacts with their companies.
 * @throws {PortalFailure}, {AppError} PORTAL_SLOW, and the reason for which the visit ended
 */
export const readRecords = async <E extends EntityName>(
  channel: Channel,
  entity: E,
  page: PageRequest,
  visit: Visit = {}
): Promise<RecordsPage<RecordItems[E]>> => {
  const read = entity === 'company' ? readCompanies : readContacts
  return (await read(channel, page, visit)) as unknown as RecordsPage<RecordItems[E]> // the reader is chosen by the entity
}
