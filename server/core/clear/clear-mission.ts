// A clear run: contacts, then companies; only what existed when it began.
// Must stay true: an id above the bounds is never deleted; "not found" is success; a refused record stays and is reported.

import type { Channel } from '../channel.ts'
import type { Clock } from '../clock.ts'
import { deletionOrder, type EntityName, entities } from '../entities.ts'
import type { ClearScope } from '../recipe.ts'
import { type Batch, createRowSet, type Mission } from '../run/mission.ts'
import type { Rows, RunEvent } from '../run/run.ts'
import { type BatchRow, blockedBy, settleFailure, settleRows, verdictOf } from '../run/settle.ts'
import { allowanceOf } from '../speed/allowance.ts'
import { largestBatch } from '../speed/cut.ts'
import { secondsPerCommand } from '../speed/speed.ts'
import { boundsOfChosen, rejectForeign } from './chosen.ts'
import { isAlreadyGone } from './deleted.ts'
import { type Bound, type Listed, listBelow, readBounds } from './listing.ts'
import { add, close, exhausted, newStock, outstanding, type Stock, take } from './stock.ts'

/** Ids listed ahead of deleting; more are listed when no more than this share is left of them. */
const AHEAD = 4000
const HUNGRY = 0.4
/** With fewer at hand the workers would stand idle: then one in so many free requests lists, for no more than this share of the longest request. */
const URGENT = 250
const SHARE = 16
const SHORT = 1 / 20
/** With so many free requests two more are spent on beginning sooner. */
const ROOMY = 16

export interface ClearMissionDeps {
  readonly scope: ClearScope
  readonly channel: Channel
  readonly clock: Clock
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
  /** Retry: exactly these records, nothing is listed. */
  readonly only?: Rows
}

export const createClearMission = ({ scope, channel, clock, requestSeconds, only }: ClearMissionDeps): Mission => {
  const stocks: Record<EntityName, Stock> = { company: newStock(), contact: newStock() }
  let bounded = false

  const each = (rows: Rows, visit: (stock: Stock, id: number) => void): void => {
    for (const entity of deletionOrder) for (const id of rows[entity] ?? []) visit(stocks[entity], id)
  }
  const keyOf = (entity: EntityName, id: number): string => `${entity}${id}`
  const batchRows = ({ rows }: Batch): BatchRow[] =>
    deletionOrder.flatMap(entity => (rows[entity] ?? []).map(row => ({ key: keyOf(entity, row), entity, row })))

  const finishListing = (entity: EntityName): RunEvent => ({
    type: 'listing.finished',
    at: clock.now(),
    entity,
    total: outstanding(stocks[entity])
  })

  const note = (stock: Stock, above: number, { ids, cursor, end }: Listed): void => {
    add(stock, ids)
    stock.density = ids.length / Math.max(1, above - cursor)
    stock.cursor = cursor
    stock.listed = end || (outstanding(stock) >= stock.total && stock.exact)
  }
  const noteBounds = (stock: Stock, { maxId, total, newest, oldest }: Bound, abreast: boolean): void => {
    const range = maxId - (oldest[0] ?? 0) + 1
    stock.total = total
    stock.floor = (oldest.at(-1) ?? 0) + 1
    add(stock, oldest)
    // Listed side by side, some of the oldest may have gone before the count; not where every id of the range was counted.
    stock.exact = !abreast || total === range
    note(stock, maxId + 1, { ids: newest, cursor: newest.at(-1) ?? 0, end: (newest.at(-1) ?? 0) <= stock.floor })
    if (outstanding(stock) < total) stock.density = total / Math.max(1, range)
    // Only where everything up to `maxId` is to go: then an id that were not taken after all does no harm.
    stock.solid = scope === 'all' && total === range
  }
  const list = async (entity: EntityName): Promise<RunEvent[]> => {
    const stock = stocks[entity]
    const above = stock.cursor
    const urgent = stock.ids.size < URGENT
    const perCommand = secondsPerCommand(channel.speed, 'clear')
    const listed = await listBelow(channel, {
      entity,
      scope,
      below: above,
      from: stock.floor,
      wanted: Math.min(AHEAD - stock.ids.size, Math.max(1, stock.total - outstanding(stock))),
      density: stock.density,
      solid: stock.solid,
      requests: urgent ? Math.max(1, Math.floor(channel.pace.free(clock.steady(), 'run') / SHARE)) : 1,
      pages: perCommand === undefined ? undefined : largestBatch(perCommand, requestSeconds, urgent ? SHORT : undefined)
    })
    note(stock, above, listed)
    return stock.listed ? [finishListing(entity)] : []
  }
  /** Both entities at once. One that fails is tried again by the next chore; what the other found is kept. */
  const listAll = async (hungry: readonly EntityName[]): Promise<RunEvent[]> => {
    const results = await Promise.allSettled(hungry.map(list))
    const events = results.flatMap(result => (result.status === 'fulfilled' ? result.value : []))
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined && events.length === 0) throw failed.reason
    return events
  }

  const prepareChosen = async (chosen: Rows): Promise<RunEvent[]> => {
    for (const entity of deletionOrder) {
      add(stocks[entity], chosen[entity] ?? [])
      stocks[entity].listed = true
    }
    const left = createRowSet()
    for (const entity of deletionOrder) for (const id of stocks[entity].ids) left.add(entity, id)
    const rejected = await rejectForeign(channel, scope, left.toRows())
    const at = clock.now()
    return [
      ...(bounded ? [] : [{ type: 'clear.bounded', at, bounds: boundsOfChosen(chosen) } as const]),
      ...(rejected.length === 0 ? [] : [{ type: 'rows.rejected', at, rejected } as const])
    ]
  }

  return {
    async prepare() {
      if (only !== undefined) return prepareChosen(only)
      if (bounded) return []
      const abreast = channel.pace.free(clock.steady(), 'run') >= ROOMY
      const bounds = await readBounds(channel, scope, { traffic: 'run', abreast })
      const events: RunEvent[] = []
      for (const entity of deletionOrder) {
        noteBounds(stocks[entity], bounds[entity], abreast)
        if (stocks[entity].listed) events.push(finishListing(entity))
      }
      return [
        {
          type: 'clear.bounded',
          at: clock.now(),
          bounds: {
            company: { maxId: bounds.company.maxId, total: bounds.company.total },
            contact: { maxId: bounds.contact.maxId, total: bounds.contact.total }
          }
        },
        ...events
      ]
    },
    left: () =>
      deletionOrder.reduce((sum, entity) => {
        const stock = stocks[entity]
        return sum + Math.max(stock.ids.size, stock.listed ? 0 : stock.total - stock.settled - stock.sent.size)
      }, 0),
    keeps: () => 0,
    next(limit, now) {
      const rows = createRowSet()
      let room = limit
      let halt = false
      for (const entity of deletionOrder) {
        const stock = stocks[entity]
        const allowance = allowanceOf(
          channel,
          {
            method: entities[entity].delete,
            kind: 'clear',
            left: Math.max(stock.ids.size, stock.total - stock.settled - stock.sent.size),
            underWay: stock.sent.size
          },
          now,
          requestSeconds
        )
        // A parked one does not hold the other up.
        const count = Math.min(room, allowance.rows, stock.ids.size)
        for (const id of [...take(stock.ids, count)]) {
          stock.ids.delete(id)
          rows.add(entity, id)
        }
        halt ||= count > 0 && allowance.halt
        room -= count
        if (room === 0 || (allowance.rows > 0 && !exhausted(stock))) break
      }
      const taken = rows.toRows()
      const commands = deletionOrder.flatMap(entity =>
        (taken[entity] ?? []).map(id => ({ key: keyOf(entity, id), method: entities[entity].delete, params: { id } }))
      )
      return commands.length === 0 ? null : { rows: taken, commands, halt }
    },
    settle(batch, result) {
      const rows = batchRows(batch)
      // A delete may be sent again whatever happened: the second time it is "not found".
      if ('failure' in result) return settleFailure(rows, result.failure, true)
      return settleRows(
        rows,
        ({ key }) => {
          const verdict = verdictOf(result.reply.outcomes.get(key), () => ({ is: 'ok' }))
          if (verdict.is === 'rejected' && isAlreadyGone(verdict.code, verdict.message)) return { is: 'ok' }
          return verdict.is === 'unknown' ? { is: 'returned' } : verdict
        },
        { blocked: blockedBy(batch, result) }
      )
    },
    apply(event) {
      switch (event.type) {
        case 'clear.bounded':
          for (const entity of deletionOrder) {
            const stock = stocks[entity]
            stock.total = event.bounds[entity].total
            if (!bounded && stock.cursor === 0) stock.cursor = event.bounds[entity].maxId + 1
          }
          bounded = true
          break
        case 'listing.finished':
          stocks[event.entity].total = event.total
          break
        case 'batch.sent':
          each(event.rows, (stock, id) => {
            stock.ids.delete(id)
            stock.sent.add(id)
          })
          break
        case 'batch.settled':
          for (const rows of [event.ok, event.returned, event.unknown]) each(rows, (stock, id) => stock.sent.delete(id))
          each(event.ok, (stock, id) => {
            stock.settled += 1
            // Below the cursor: a list that is under way may still show it.
            if (only !== undefined || id < stock.cursor) stock.closed.add(id)
          })
          for (const { entity, row } of event.rejected) close(stocks[entity], row)
          each(event.returned, (stock, id) => stock.ids.add(id))
          each(event.unknown, (stock, id) => stock.ids.add(id))
          break
        case 'rows.rejected':
          for (const { entity, row } of event.rejected) close(stocks[entity], row)
          break
        default:
          break
      }
      return []
    },
    underWay(rows) {
      const left = createRowSet()
      for (const entity of deletionOrder)
        for (const id of rows[entity] ?? []) if (stocks[entity].sent.has(id)) left.add(entity, id)
      return left.toRows()
    },
    chore(settling) {
      if (!bounded || settling) return null
      const hungry = deletionOrder.filter(entity => !stocks[entity].listed && stocks[entity].ids.size < AHEAD * HUNGRY)
      return hungry.length === 0 ? null : () => listAll(hungry)
    },
    // A delete that comes late deletes nothing: its record is gone, and ids are never given twice.
    recount: async () => null,
    closingAt: () => undefined,
    choreAt: () => Number.POSITIVE_INFINITY,
    wants: () => deletionOrder.filter(entity => stocks[entity].ids.size > 0).map(entity => entities[entity].delete),
    finished: () =>
      bounded && deletionOrder.every(entity => exhausted(stocks[entity]) && stocks[entity].sent.size === 0),
    certain: () => true
  }
}
