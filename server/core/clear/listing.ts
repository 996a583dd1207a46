// Lists the ids that a clear run deletes, from the newest that existed when it began down to the oldest.
// Must stay true: pages are cut by id, never by offset, so nothing is skipped while rows disappear; every row's tag is checked.
import { z } from 'zod'
import type { Channel, ExecuteOptions } from '../channel.ts'
import { chunks } from '../chunks.ts'
import { demandOutcome } from '../demand.ts'
import { type EntityName, entities, entityNames, ORIGINATOR_ID } from '../entities.ts'
import type { Command, Params } from '../portal.ts'
import { PortalFailure } from '../portal.ts'
import type { ClearScope } from '../recipe.ts'
import type { Rows } from '../run/run.ts'

/** Bitrix24's fixed page size. */
const PAGE = 50
/** Pages in one request as long as nothing is known of the portal's speed; they are answered one after another. */
const PAGES = 10
/** Ids lie dense when at least this share of their range is taken: then pages are cut by range, and asked for side by side. */
const DENSE = 0.4

const rowSchema = z.object({
  ID: z.coerce.number().int().positive(),
  ORIGINATOR_ID: z.union([z.string(), z.null()]).optional()
})

const scopeFilter = (scope: ClearScope): Params => (scope === 'created' ? { '=ORIGINATOR_ID': ORIGINATOR_ID } : {})

interface Range {
  readonly from?: number
  readonly below?: number | string
  readonly order?: 'ASC' | 'DESC'
  /** 0 also counts; -1 does not. */
  readonly start?: 0 | -1
}

const listParams = (scope: ClearScope, { from, below, order = 'DESC', start = -1 }: Range): Params => ({
  order: { ID: order },
  filter: {
    ...scopeFilter(scope),
    ...(from === undefined ? {} : { '>=ID': from }),
    ...(below === undefined ? {} : { '<ID': below })
  },
  select: ['ID', 'ORIGINATOR_ID'],
  start
})

const unreliable = (field: string): PortalFailure =>
  new PortalFailure(
    'blocked',
    'LISTING_UNRELIABLE',
    `The portal ignores the filter by ${field} and lists foreign records. Nothing was deleted by this list. Do not resume before this portal filters by it.`
  )

const readRows = (result: unknown): z.infer<typeof rowSchema>[] => {
  const page = z.array(rowSchema).safeParse(result)
  if (!page.success) throw new PortalFailure('lost', 'UNREADABLE', 'The portal answered a list with unreadable rows')
  return page.data
}

/**
 * Ids of a page; a row without our tag in scope `created` means that the portal dropped the filter
 * (protocol.md, trap 2): deleting would be a catastrophe, so the run stops.
 */
const readIds = (result: unknown, scope: ClearScope): number[] => {
  const page = readRows(result)
  if (scope === 'created' && page.some(row => row.ORIGINATOR_ID !== ORIGINATOR_ID)) throw unreliable('ORIGINATOR_ID')
  return page.map(({ ID }) => ID)
}

/** Ids that a portal did not sort as asked would hide those between them. */
const inOrder = (ids: number[], order: 'ASC' | 'DESC'): number[] => {
  const sign = order === 'ASC' ? 1 : -1
  if (ids.some((id, index) => index > 0 && (id - (ids[index - 1] ?? 0)) * sign <= 0))
    throw new PortalFailure('lost', 'UNREADABLE', 'The portal listed records out of order')
  return ids
}

const resultsOf = async (
  channel: Channel,
  commands: readonly Command[],
  options: ExecuteOptions = { traffic: 'run' }
) => {
  const { outcomes } = await channel.execute(commands, options)
  return commands.map(({ key, method }) => demandOutcome(outcomes.get(key), method))
}

export interface Bound {
  readonly maxId: number
  readonly total: number
  /** The newest ids, up to one page, newest first: the first ones to delete. */
  readonly newest: readonly number[]
  /** The oldest ids, up to one page, oldest first. */
  readonly oldest: readonly number[]
}

export interface Look extends Pick<ExecuteOptions, 'traffic' | 'signal'> {
  /** Both ends of the ids side by side, one more request for each entity; otherwise one after the other. */
  readonly abreast: boolean
}

/** What exists now: count, highest id, newest and oldest page of each entity. @throws {PortalFailure} */
export const readBounds = async (
  channel: Channel,
  scope: ClearScope,
  { abreast, ...options }: Look
): Promise<Record<EntityName, Bound>> => {
  const read = async (entity: EntityName): Promise<Bound> => {
    const method = entities[entity].list
    const commands = [
      { key: 'newest', method, params: listParams(scope, { start: 0 }) },
      { key: 'oldest', method, params: listParams(scope, { order: 'ASC' }) }
    ]
    const answers = await Promise.all(
      (abreast ? commands.map(command => [command]) : [commands]).map(batch => resultsOf(channel, batch, options))
    )
    const [top, bottom] = answers.flat()
    const newest = inOrder(readIds(top?.result, scope), 'DESC')
    const maxId = newest[0] ?? 0
    // What came between the two is younger than the run.
    const oldest = inOrder(readIds(bottom?.result, scope), 'ASC').filter(id => id <= maxId)
    return { maxId, total: Math.max(top?.total ?? 0, newest.length), newest, oldest }
  }
  const [contact, company] = await Promise.all([read('contact'), read('company')])
  return { company, contact }
}

export interface Stretch {
  readonly entity: EntityName
  readonly scope: ClearScope
  /** Only ids below this one, and from this one on. */
  readonly below: number
  readonly from: number
  /** How many are wanted; about, at least one page. */
  readonly wanted: number
  /** Share of the ids above `below` that was taken. */
  readonly density: number
  /** Every id down to `from` is taken. */
  readonly solid: boolean
  /** Requests that it may take, and pages that one may have. */
  readonly requests: number
  readonly pages: number | undefined
}

export interface Listed {
  /** Newest first. */
  readonly ids: readonly number[]
  /** Everything from here up to `below` is listed. */
  readonly cursor: number
  /** Nothing is below. */
  readonly end: boolean
}

/** Pages that follow one another by the last id of the one before. */
const listChain = async (
  channel: Channel,
  { entity, scope, below, from, wanted, pages = PAGES }: Stretch
): Promise<Listed> => {
  const count = Math.min(pages, Math.max(1, Math.ceil(wanted / PAGE)))
  const commands = Array.from({ length: count }, (_, index) => ({
    key: `p${index}`,
    method: entities[entity].list,
    params: listParams(scope, { from, below: index === 0 ? below : `$result[p${index - 1}][${PAGE - 1}][ID]` })
  }))
  const ids: number[] = []
  const listed = (end: boolean): Listed => ({ ids, cursor: ids.at(-1) ?? below, end })
  for (const { result } of await resultsOf(channel, commands)) {
    const page = readIds(result, scope)
    const last = ids.at(-1) ?? below
    // A reference into a short page resolves to garbage (trap 6): what does not continue downwards is not believed.
    if (page.some((id, index) => id >= (index === 0 ? last : (page[index - 1] ?? last)))) {
      if (ids.length > 0) break
      throw new PortalFailure('lost', 'UNREADABLE', 'The portal listed records out of order')
    }
    ids.push(...page)
    if (page.length < PAGE) return listed(true)
  }
  return listed(false)
}

/** Pages of one range of ids each: a range as wide as a page can't hold more rows than the page. */
const listRanges = async (channel: Channel, stretch: Stretch): Promise<Listed> => {
  const { entity, scope, below, from, wanted, density, requests, pages = PAGES } = stretch
  const ranges: { from: number; below: number }[] = []
  for (let top = below; top > from && ranges.length * PAGE * density < wanted; top -= PAGE) {
    ranges.push({ from: Math.max(from, top - PAGE), below: top })
  }
  const each = Math.min(pages, Math.ceil(ranges.length / requests))
  const parts = chunks(ranges, each).slice(0, requests)
  const answers = await Promise.all(
    parts.map(part =>
      resultsOf(
        channel,
        part.map((range, index) => ({
          key: `p${index}`,
          method: entities[entity].list,
          params: listParams(scope, range)
        }))
      )
    )
  )
  const ids = answers.flatMap((pagesOfPart, part) =>
    pagesOfPart.flatMap(({ result }, index) => {
      const range = parts[part]?.[index]
      const page = readIds(result, scope)
      if (range === undefined || page.some(id => id < range.from || id >= range.below))
        throw new PortalFailure('lost', 'UNREADABLE', 'The portal listed records out of their range')
      return page
    })
  )
  const cursor = parts.at(-1)?.at(-1)?.from ?? below
  return { ids, cursor, end: cursor <= from }
}

/** Nothing to ask. */
const countDown = ({ below, from, wanted }: Stretch): Listed => {
  const cursor = Math.max(from, below - wanted)
  return { ids: Array.from({ length: below - cursor }, (_, index) => below - 1 - index), cursor, end: cursor <= from }
}

/**
 * The next ids below `below`, newest first. Where ids lie dense, several requests ask for ranges of ids side by side;
 * elsewhere one request follows the ids page by page.
 * @throws {PortalFailure}
 */
export const listBelow = async (channel: Channel, stretch: Stretch): Promise<Listed> => {
  if (stretch.solid) return countDown(stretch)
  return stretch.density >= DENSE ? listRanges(channel, stretch) : listChain(channel, stretch)
}

/** Which of these records do not carry our tag; those that are not there are in no list. @throws {PortalFailure} */
export const listForeign = async (channel: Channel, ids: Rows): Promise<{ entity: EntityName; id: number }[]> => {
  const asks = entityNames.flatMap(entity => chunks(ids[entity] ?? [], PAGE).map(part => ({ entity, part })))
  const commands = asks.map(({ entity, part }, index) => ({
    key: `f${index}`,
    method: entities[entity].list,
    params: { order: { ID: 'ASC' }, filter: { '@ID': part }, select: ['ID', 'ORIGINATOR_ID'], start: -1 }
  }))
  const foreign: { entity: EntityName; id: number }[] = []
  for (const [index, part] of chunks(commands, PAGES).entries()) {
    for (const [place, { result }] of (await resultsOf(channel, part)).entries()) {
      const ask = asks[index * PAGES + place]
      const page = readRows(result)
      if (ask === undefined || page.some(({ ID }) => !ask.part.includes(ID))) throw unreliable('ID')
      foreign.push(
        ...page.filter(row => row.ORIGINATOR_ID !== ORIGINATOR_ID).map(row => ({ entity: ask.entity, id: row.ID }))
      )
    }
  }
  return foreign
}
