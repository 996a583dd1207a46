// What an operation takes before it begins, and how long a run still takes: both by the model of the portal's limits.
// Must stay true: pure; no estimate before there is something to estimate from.
import { type Channel, trafficOf } from '../channel.ts'
import { readBounds } from '../clear/listing.ts'
import { type EntityName, entities, entityNames } from '../entities.ts'
import type { Operation } from '../recipe.ts'
import { doneOf, type RunState } from '../run/fold.ts'
import { type Forecast, forecast } from './forecast.ts'
import type { UnderWay } from './load.ts'

/** Rows come in groups of this size: a company and its contact travel together. */
export const grainOf = (kind: RunState['kind']): number => (kind === 'create' ? 2 : 1)

/** The model's word on so many rows of each entity. `requestSeconds`: how long a portal may go on working on one request. */
export const forecastRows = (
  kind: RunState['kind'],
  rows: Readonly<Record<EntityName, number>>,
  channel: Channel,
  now: number,
  requestSeconds: number,
  load: readonly UnderWay[] = []
): Forecast =>
  forecast({
    commands: new Map(
      entityNames
        .filter(entity => rows[entity] > 0)
        .map(entity => [entities[entity][kind === 'create' ? 'add' : 'delete'], rows[entity]])
    ),
    budgetOf: method => channel.pace.budget(method, now),
    kind,
    grain: grainOf(kind),
    speed: channel.speed,
    free: channel.pace.free(now, trafficOf(channel, rows.company + rows.contact, now)),
    rate: channel.pace.rate,
    requestSeconds,
    now,
    load
  })

/** Ids that one request lists, about. */
const IDS_PER_REQUEST = 500

/** What an operation would take if it began now. */
export interface OperationEstimate extends Forecast {
  readonly companies: number
  readonly contacts: number
}

/**
 * Estimates an operation before it starts; a clear run's records are counted first (two reads).
 * `signal`: aborts when nobody waits for it any more.
 * @throws {PortalFailure}, {AppError} PORTAL_SLOW when they can't be counted
 */
export const estimateOperation = async (
  operation: Operation,
  channel: Channel,
  /** Steady ms. */
  now: () => number,
  requestSeconds: number,
  signal?: AbortSignal
): Promise<OperationEstimate> => {
  if (operation.kind === 'create') {
    const { companies, contacts } = operation.recipe
    const rows = { company: companies, contact: contacts }
    return { companies, contacts, ...forecastRows('create', rows, channel, now(), requestSeconds) }
  }
  const { company, contact } = await readBounds(channel, operation.scope, { signal, abreast: false })
  const rows = { company: company.total, contact: contact.total }
  const deleting = forecastRows('clear', rows, channel, now(), requestSeconds)
  const listing = Math.ceil((rows.company + rows.contact) / IDS_PER_REQUEST)
  return { companies: rows.company, contacts: rows.contact, ...deleting, requests: deleting.requests + listing }
}

/** Rows of each entity that are left. A rejected row does not tell its entity, nor a retry the entities of its rows: all that is known is shared out. */
const rowsLeft = ({ totals, created, deleted }: RunState, left: number): Record<EntityName, number> => {
  const open = (entity: EntityName): number => Math.max(0, totals[entity] - created[entity] - deleted[entity])
  const company = Math.round((open('company') * left) / Math.max(1, open('company') + open('contact')))
  return { company, contact: left - company }
}

/** Less is told in hundredths. */
const EXACT_BELOW = 10

/** Seconds until a run is done, whole ones where there are many; null while unknown. `load`: what lies at the portal, oldest first. */
export const secondsLeft = (
  now: number,
  state: RunState,
  load: readonly UnderWay[],
  channel: Channel,
  requestSeconds: number
): number | null => {
  const left = state.totals.company + state.totals.contact - doneOf(state)
  if (doneOf(state) === 0) return null
  if (left <= 0) return 0
  const model = forecastRows(state.kind, rowsLeft(state, left), channel, now, requestSeconds, load)
  if (!model.measured) return null
  const steps = model.seconds < EXACT_BELOW ? 100 : 1
  return Math.ceil(model.seconds * steps) / steps
}
