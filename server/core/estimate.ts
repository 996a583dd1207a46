// Time left of a run: by the model of the portal's limits, and by the rows settled in the last seconds.
// Must stay true: pure; no estimate before there is something to estimate from.
import type { Channel } from './channel.ts'
import { type EntityName, entities, entityNames } from './entities.ts'
import type { RunState } from './fold.ts'
import { type Forecast, forecast } from './forecast.ts'
import { readBounds } from './listing.ts'
import type { Load } from './load.ts'
import type { Operation } from './recipe.ts'
import { workersOf } from './speed.ts'

/** Rows come in groups of this size: a company and its contact travel together. */
export const grainOf = (kind: RunState['kind']): number => (kind === 'create' ? 2 : 1)

/** The model's word on so many rows of each entity. `requestSeconds`: how long a portal may go on working on one request. */
export const forecastRows = (
  kind: RunState['kind'],
  rows: Readonly<Record<EntityName, number>>,
  channel: Channel,
  now: number,
  requestSeconds: number
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
    free: channel.pace.free(now, 'run'),
    rate: channel.pace.rate,
    requestSeconds
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
 * @throws {PortalFailure} when they can't be counted
 */
export const estimateOperation = async (
  operation: Operation,
  channel: Channel,
  now: () => number,
  requestSeconds: number
): Promise<OperationEstimate> => {
  if (operation.kind === 'create') {
    const { companies, contacts } = operation.recipe
    const rows = { company: companies, contact: contacts }
    return { companies, contacts, ...forecastRows('create', rows, channel, now(), requestSeconds) }
  }
  const { company, contact } = await readBounds(channel, operation.scope, 'page')
  const rows = { company: company.total, contact: contact.total }
  const deleting = forecastRows('clear', rows, channel, now(), requestSeconds)
  const listing = Math.ceil((rows.company + rows.contact) / IDS_PER_REQUEST)
  return { companies: rows.company, contacts: rows.contact, ...deleting, requests: deleting.requests + listing }
}

export interface Estimate {
  /** To be told whenever rows were settled, and once at the beginning. `load`: what lies at the portal. */
  done(now: number, state: RunState, load: Load): void
  /** Whole seconds; null while unknown. */
  secondsLeft(now: number, state: RunState, load: Load): number | null
}

const doneOf = ({ created, deleted, failed }: RunState): number =>
  created.company + created.contact + deleted.company + deleted.contact + failed

/** Of so many batches one after another. */
const WAVES = 3

export const createEstimate = (channel: Channel, requestSeconds: number): Estimate => {
  const windowMs = requestSeconds * 1000
  const points: { at: number; worked: number }[] = []
  /** Rows settled, and on average half of each batch that a worker has in hand. */
  const worked = (state: RunState, { inFlight, rowsInFlight }: Load): number => {
    const inHand = Math.min(1, (workersOf(channel.speed) ?? inFlight) / Math.max(1, inFlight))
    return doneOf(state) + (rowsInFlight * inHand) / 2
  }

  return {
    done(now, state, load) {
      points.push({ at: now, worked: worked(state, load) })
      while (points.length > 2 && (points[0]?.at ?? now) < now - windowMs) points.shift()
    },
    secondsLeft(now, state, load) {
      const first = points[0]
      const total = state.totals.company + state.totals.contact
      const left = total - worked(state, load)
      if (first === undefined || total === 0 || doneOf(state) === 0) return null
      const share = left / Math.max(1, total - doneOf(state))
      const rowsOf = (entity: EntityName): number =>
        Math.max(0, state.totals[entity] - state.created[entity] - state.deleted[entity]) * share
      const rows = { company: rowsOf('company'), contact: rowsOf('contact') }
      const model = forecastRows(state.kind, rows, channel, now, requestSeconds)
      if (!model.measured) return null
      const batchSeconds =
        (load.rowsInFlight / Math.max(1, load.inFlight)) * (channel.speed.perCommand.get(state.kind) ?? 0)
      const seconds = (now - first.at) / 1000
      const lately = worked(state, load) - first.worked
      // Batches end in waves: what was done lately says how fast the portal is once several waves have passed.
      // Nothing was, while the portal was away: then the model says how long the rest takes once it is back.
      if (model.limit !== 'portal' || seconds < WAVES * batchSeconds || lately <= 0) return Math.ceil(model.seconds)
      return Math.ceil((left * seconds) / lately)
    }
  }
}
