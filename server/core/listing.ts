// Lists the ids that a clear run deletes, from the newest that existed when it began down to the oldest.
// Must stay true: pages are cut by id, never by offset, so nothing is skipped while rows disappear; every row's tag is checked.
import { z } from 'zod'
import type { Channel } from './channel.ts'
import { type EntityName, entities, ORIGINATOR_ID } from './entities.ts'
import type { Command, Params } from './portal.ts'
import { PortalFailure } from './portal.ts'
import type { ClearScope } from './recipe.ts'

/** Bitrix24's fixed page size. */
const PAGE = 50
/** Pages chained in one request; each is answered one after another by the portal. */
const PAGES = 10

const rowSchema = z.object({
  ID: z.coerce.number().int().positive(),
  ORIGINATOR_ID: z.union([z.string(), z.null()]).optional()
})

const scopeFilter = (scope: ClearScope): Params => (scope === 'created' ? { '=ORIGINATOR_ID': ORIGINATOR_ID } : {})

const listParams = (scope: ClearScope, below: number | string | null, start: number): Params => ({
  order: { ID: 'DESC' },
  filter: { ...scopeFilter(scope), ...(below === null ? {} : { '<ID': below }) },
  select: ['ID', 'ORIGINATOR_ID'],
  start
})

/**
 * Ids of a page; a row without our tag in scope `created` means that the portal dropped the filter
 * (protocol.md, trap 2): deleting would be a catastrophe, so the run stops.
 */
const readIds = (result: unknown, scope: ClearScope): number[] => {
  const page = z.array(rowSchema).safeParse(result)
  if (!page.success) throw new PortalFailure('lost', 'UNREADABLE', 'The portal answered a list with unreadable rows')
  if (scope === 'created' && page.data.some(row => row.ORIGINATOR_ID !== ORIGINATOR_ID)) {
    throw new PortalFailure(
      'blocked',
      'LISTING_UNRELIABLE',
      'The portal ignores the filter by ORIGINATOR_ID and lists foreign records. Nothing was deleted by this list. Do not resume before this portal filters by it.'
    )
  }
  return page.data.map(({ ID }) => ID)
}

const resultOf = async (channel: Channel, commands: readonly Command[]) => {
  const { outcomes } = await channel.execute(commands, 'run')
  return commands.map(({ key, method }) => {
    const outcome = outcomes.get(key)
    if (outcome?.kind === 'ok') return outcome
    if (outcome?.kind === 'refused' || outcome?.kind === 'blocked') {
      throw new PortalFailure('blocked', outcome.code || 'REFUSED', `${method}: ${outcome.message}`)
    }
    if (outcome?.kind === 'limited') throw new PortalFailure('operating', outcome.code, `${method} is over its limit`)
    throw new PortalFailure('lost', 'NO_RESULT', `The portal did not answer ${method}`)
  })
}

export interface Bound {
  readonly maxId: number
  readonly total: number
  /** The newest ids, up to one page: the first ones to delete. */
  readonly ids: readonly number[]
}

/** What exists now: highest id, count and newest page of each entity, in one request. @throws {PortalFailure} */
export const readBounds = async (channel: Channel, scope: ClearScope): Promise<Record<EntityName, Bound>> => {
  const commands = (['contact', 'company'] as const).map(entity => ({
    key: entity,
    method: entities[entity].list,
    params: listParams(scope, null, 0)
  }))
  const [contact, company] = (await resultOf(channel, commands)).map(({ result, total }) => {
    const ids = readIds(result, scope)
    return { maxId: ids[0] ?? 0, total: Math.max(total ?? 0, ids.length), ids }
  })
  const nothing: Bound = { maxId: 0, total: 0, ids: [] }
  return { company: company ?? nothing, contact: contact ?? nothing }
}

/**
 * The next ids below `below`, newest first; `end` when there are no more. `expected` sizes the chain of pages.
 * @throws {PortalFailure}
 */
export const listBelow = async (
  channel: Channel,
  entity: EntityName,
  scope: ClearScope,
  below: number,
  expected: number
): Promise<{ readonly ids: number[]; readonly end: boolean }> => {
  const count = Math.min(PAGES, Math.max(1, Math.ceil(expected / PAGE)))
  const commands = Array.from({ length: count }, (_, index) => ({
    key: `p${index}`,
    method: entities[entity].list,
    params: listParams(scope, index === 0 ? below : `$result[p${index - 1}][${PAGE - 1}][ID]`, -1)
  }))
  const ids: number[] = []
  for (const { result } of await resultOf(channel, commands)) {
    const page = readIds(result, scope)
    const last = ids.at(-1) ?? below
    // A reference into a short page resolves to garbage (trap 6): what does not continue downwards is not believed.
    if (page.some((id, index) => id >= (index === 0 ? last : (page[index - 1] ?? last)))) {
      if (ids.length > 0) break
      throw new PortalFailure('lost', 'UNREADABLE', 'The portal listed records out of order')
    }
    ids.push(...page)
    if (page.length < PAGE) return { ids, end: true }
  }
  return { ids, end: false }
}
