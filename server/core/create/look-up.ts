// Looks rows up by their origin tag, and corrects what a lost answer left behind.
// Must stay true: only reads and writes that may be repeated; a tag is trusted only where the portal returned exactly it.
import pLimit from 'p-limit'
import { z } from 'zod'
import type { Channel } from '../channel.ts'
import { chunks } from '../chunks.ts'
import { demandOutcome, Refused } from '../demand.ts'
import { deletionOrder, type EntityName, entities, entityNames, ORIGINATOR_ID } from '../entities.ts'
import { COMMANDS_PER_BATCH, type Command, PortalFailure } from '../portal.ts'
import { askPresence, type RecordId } from '../presence.ts'
import type { Rows } from '../run/run.ts'
import { ROWS_PER_LOOK } from '../speed/closing.ts'
import type { Plan } from './plan.ts'

/** Bitrix24's fixed page size. */
const PAGE = 50
/** Look-ups in one request beside a run. */
const LOOKUPS = 10
/** Requests with look-ups at the same time, beside a run: they are not what it is for. At most one per 8 free requests. */
const ABREAST = 4
const FREE_PER_LOOK_UP = 8
/** Corrections in one request. */
const CORRECTIONS = 25

const rowSchema = z.array(
  z.object({
    ID: z.coerce.number().int().positive(),
    ORIGIN_ID: z.string(),
    COMPANY_ID: z.union([z.coerce.number().int(), z.null()]).optional()
  })
)

/** A record that carries our tag. `companyId` is 0 without a link. */
export interface FoundRecord {
  readonly id: number
  readonly companyId: number
}

/** Rows asked for in one command, and the id behind which it looks. */
interface Ask {
  readonly entity: EntityName
  readonly part: readonly number[]
  readonly after: number
}

/** By entity and row. */
export type Found = Readonly<Record<EntityName, Map<number, FoundRecord[]>>>

/** How look-ups are spread over requests: how many each of them holds, in the order in which they leave, and how many leave at once. */
export interface LookUpSpread {
  readonly sizes: readonly number[]
  readonly abreast: number
}

/** So many look-ups beside a run that may send so many requests now. */
export const besideRun = (looks: number, free: number): LookUpSpread => {
  const abreast = Math.max(1, Math.min(ABREAST, Math.floor(free / FREE_PER_LOOK_UP)))
  const each = Math.max(1, Math.min(LOOKUPS, Math.ceil(looks / abreast)))
  return { sizes: Array.from({ length: Math.ceil(looks / each) }, () => each), abreast }
}

/** Runs commands of which every single one must succeed. @throws {PortalFailure} */
const demand = async (
  channel: Channel,
  commands: readonly Command[],
  confirm?: () => Promise<void>
): Promise<ReadonlyMap<string, unknown>> => {
  const { outcomes } = await channel.execute(commands, { traffic: 'run', confirm })
  return new Map(commands.map(({ key, method }) => [key, demandOutcome(outcomes.get(key), method).result]))
}

const unreliable = (what: string): Refused =>
  new Refused(
    'LOOKUP_UNRELIABLE',
    `The portal ignores the filter by ${what}. Resume the run when the portal filters by it again.`
  )

const readFound = (result: unknown, plan: Plan, { entity, part }: Ask, found: Found): Ask | undefined => {
  const page = rowSchema.safeParse(result)
  if (!page.success) throw new PortalFailure('lost', 'UNREADABLE', 'The portal answered a look-up with unreadable rows')
  const asked = new Set(part)
  for (const record of page.data) {
    const row = plan.rowOfOriginId(record.ORIGIN_ID)
    if (row === undefined || !asked.has(row)) {
      throw unreliable('ORIGIN_ID, so lost rows cannot be found safely')
    }
    const records = found[entity].get(row) ?? []
    found[entity].set(row, [...records, { id: record.ID, companyId: record.COMPANY_ID ?? 0 }])
  }
  // A full page may not be all.
  return page.data.length === PAGE ? { entity, part, after: page.data.at(-1)?.ID ?? 0 } : undefined
}

/**
 * Finds the records of rows by origin tag: for each row that exists, its records in order of id (more than one = duplicates).
 * `confirm`: as in a Chore.
 * @throws {PortalFailure} also when the portal returns records that were not asked for (it ignored the filter)
 */
export const lookUpRows = async (
  channel: Channel,
  plan: Plan,
  rows: Rows,
  spread: (looks: number) => LookUpSpread,
  confirm?: () => Promise<void>
): Promise<Found> => {
  const found: Found = { company: new Map(), contact: new Map() }
  const look = async (asks: readonly Ask[]): Promise<void> => {
    const commands = asks.map(({ entity, part, after }, index) => ({
      key: `q${index}`,
      method: entities[entity].list,
      params: {
        order: { ID: 'ASC' },
        filter: {
          '=ORIGINATOR_ID': ORIGINATOR_ID,
          '@ORIGIN_ID': part.map(row => plan.originId(row)),
          ...(after > 0 ? { '>ID': after } : {})
        },
        select: ['ID', 'ORIGIN_ID', ...(entity === 'contact' ? ['COMPANY_ID'] : [])],
        start: -1
      }
    }))
    const results = await demand(channel, commands, confirm)
    const more = asks.flatMap((ask, index) => readFound(results.get(`q${index}`), plan, ask, found) ?? [])
    if (more.length > 0) await look(more)
  }
  const asks = entityNames.flatMap(entity =>
    chunks(rows[entity] ?? [], ROWS_PER_LOOK).map(part => ({ entity, part, after: 0 }))
  )
  const { sizes, abreast } = spread(asks.length)
  const lane = pLimit(abreast)
  const requests: Promise<void>[] = []
  for (let at = 0, nth = 0; at < asks.length; nth += 1) {
    const part = asks.slice(at, at + (sizes[nth] ?? LOOKUPS))
    at += part.length
    requests.push(lane(() => look(part)))
  }
  await Promise.all(requests)
  return found
}

/** Which of these companies are not there, or may not be seen by whoever started the run. @throws {PortalFailure} */
export const absentCompanies = async (channel: Channel, ids: readonly number[]): Promise<ReadonlySet<number>> => {
  const absent = new Set(ids)
  const asked = new Set(ids)
  const commands = chunks(ids, PAGE).map((part, index) => ({
    key: `c${index}`,
    method: entities.company.list,
    params: { order: { ID: 'ASC' }, filter: { '@ID': part }, select: ['ID'], start: -1 }
  }))
  for (const part of chunks(commands, COMMANDS_PER_BATCH)) {
    for (const result of (await demand(channel, part)).values()) {
      const page = z.array(z.object({ ID: z.coerce.number() })).safeParse(result)
      if (!page.success)
        throw new PortalFailure('lost', 'UNREADABLE', 'The portal answered a list with unreadable rows')
      if (page.data.some(({ ID }) => !asked.has(ID))) throw unreliable('ID')
      for (const { ID } of page.data) absent.delete(ID)
    }
  }
  return absent
}

/** Bitrix24 would take the id of a company that is not there, and leave the contacts without one. @throws {PortalFailure} COMPANY_NOT_FOUND */
export const demandCompany = async (channel: Channel, id: number): Promise<void> => {
  if ((await absentCompanies(channel, [id])).has(id)) {
    throw new PortalFailure(
      'blocked',
      'COMPANY_NOT_FOUND',
      `The company ${id} is not there any more, or may not be seen by whoever started the run. Choose another one.`
    )
  }
}

/** Deletes records; one that is gone already is as good as deleted, whatever the portal says of it. @throws {PortalFailure} */
const remove = async (channel: Channel, records: readonly RecordId[], confirm: () => Promise<void>): Promise<void> => {
  const commands = records.map(({ entity, id }) => ({
    key: `${entity}${id}`,
    method: entities[entity].delete,
    params: { id }
  }))
  const { outcomes } = await channel.execute(commands, { traffic: 'run', confirm })
  const left = records.filter(({ entity, id }) => outcomes.get(`${entity}${id}`)?.kind !== 'ok')
  const answers = await askPresence(channel, left, 'run', confirm)
  for (const [index, { entity, id }] of left.entries()) {
    if (answers[index] !== 'gone') demandOutcome(outcomes.get(`${entity}${id}`), entities[entity].delete)
  }
}

/**
 * Repeatable corrections: links contacts to their companies, removes records that are one too many.
 * `confirm`: as in a Chore; another process may need by now what was too many when we looked. @throws {PortalFailure}
 */
export const correct = async (
  channel: Channel,
  links: readonly { readonly contactId: number; readonly companyId: number }[],
  extras: Readonly<Record<EntityName, readonly number[]>>,
  confirm: () => Promise<void>
): Promise<void> => {
  const link = links.map(({ contactId, companyId }) => ({
    key: `l${contactId}`,
    method: entities.contact.update,
    params: { id: contactId, fields: { COMPANY_ID: companyId } }
  }))
  for (const part of chunks(link, CORRECTIONS)) await demand(channel, part, confirm)
  const records = deletionOrder.flatMap(entity => extras[entity].map(id => ({ entity, id })))
  for (const part of chunks(records, CORRECTIONS)) await remove(channel, part, confirm)
}

/** Of a record that was created and is in no list: it was deleted, or the lists do not tell the truth. @throws {PortalFailure} LOOKUP_UNRELIABLE */
export const demandGone = async (
  channel: Channel,
  entity: EntityName,
  id: number,
  confirm: () => Promise<void>
): Promise<void> => {
  const [answer] = await askPresence(channel, [{ entity, id }], 'run', confirm)
  if (answer === 'gone') return
  if (answer === 'hidden') {
    throw new PortalFailure(
      'blocked',
      'LOOKUP_UNRELIABLE',
      `Whoever started the run may not see the ${entity} that it has created, so lost rows cannot be found. Give the right to read, then resume the run.`
    )
  }
  const text = `The portal does not list the ${entity} ${id}, although it is there, so lost rows cannot be found yet. Resume the run later.`
  throw new PortalFailure('lost', 'LOOKUP_UNRELIABLE', text)
}

/** Removes whatever carries the tags of these rows. `confirm`: as in a Chore. @throws {PortalFailure} */
export const removeRows = async (
  channel: Channel,
  plan: Plan,
  rows: Rows,
  confirm: () => Promise<void>
): Promise<void> => {
  const found = await lookUpRows(channel, plan, rows, looks => besideRun(looks, 1), confirm)
  const idsOf = (entity: EntityName): number[] => [...found[entity].values()].flat().map(({ id }) => id)
  await correct(channel, [], { company: idsOf('company'), contact: idsOf('contact') }, confirm)
}
