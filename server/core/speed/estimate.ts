// What an operation takes before it begins, and how long a run still takes: both by the model of the portal's limits.
// Must stay true: pure; no estimate before there is something to estimate from.
import { type Channel, trafficOf } from '../channel.ts'
import { readBounds } from '../clear/listing.ts'
import { type EntityName, entities, entityNames } from '../entities.ts'
import type { Operation } from '../recipe.ts'
import { doneOf, type RunState } from '../run/fold.ts'
import { looksAt, planClosing } from './closing.ts'
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

/** A create run's forecast with the look at its end. `all`: rows of the whole run, which is looked at then. */
const withClosing = (
  model: Forecast,
  all: Readonly<Record<EntityName, number>>,
  { pace, speed }: Channel,
  now: number,
  requestSeconds: number
): Forecast => {
  const then = pace.free(now, 'run') + model.seconds * pace.rate - model.requests
  const free = Math.max(0, Math.min(pace.burst, Math.floor(then)))
  const look = planClosing({ commands: looksAt(Object.values(all)), speed, free, rate: pace.rate, requestSeconds })
  return { ...model, requests: model.requests + look.sizes.length, seconds: model.seconds + look.seconds }
}

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
    const model = forecastRows('create', rows, channel, now(), requestSeconds)
    return { companies, contacts, ...withClosing(model, rows, channel, now(), requestSeconds) }
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

const rounded = (seconds: number): number => {
  const steps = seconds < EXACT_BELOW ? 100 : 1
  return Math.ceil(seconds * steps) / steps
}

/**
 * Seconds until a run is done, whole ones where there are many; null while unknown. `load`: what lies at the portal, oldest first.
 * `closingAt`: when the look at the end is over, once it has begun (steady ms).
 */
export const secondsLeft = (
  now: number,
  state: RunState,
  load: readonly UnderWay[],
  channel: Channel,
  requestSeconds: number,
  closingAt?: number
): number | null => {
  const left = state.totals.company + state.totals.contact - doneOf(state)
  if (doneOf(state) === 0) return null
  if (closingAt !== undefined) return rounded(Math.max(0, closingAt - now) / 1000)
  if (left <= 0 && state.kind === 'clear') return 0
  const rows = forecastRows(state.kind, rowsLeft(state, Math.max(0, left)), channel, now, requestSeconds, load)
  const model = state.kind === 'clear' ? rows : withClosing(rows, state.totals, channel, now, requestSeconds)
  if (!model.measured) return null
  return rounded(model.seconds)
}
