// Switched-on failures of an emulated portal: for the next matching requests, or by a seeded draw at each of them.
// Must stay true: decides and remembers only; rest.ts and execute.ts carry a fault out. Same seed, same requests, same faults.
import type { Refuse } from './state.ts'

export type FaultKind =
  /** The connection is reset, nothing executed. */
  | 'reset-before'
  /** Executed, then the connection is reset instead of an answer. */
  | 'reset-after'
  /** Executed at once, answered only after `ms` (default: never, until the client gives up). */
  | 'hold'
  /** Executed only after `ms`, when the client may have given up already; then answered. */
  | 'late'
  /** Executed, half of the answer's body, then the end of the connection. */
  | 'truncated'
  /** HTML pages of the front. By default everything is executed before; `executes` changes that. */
  | 'html-403'
  | 'html-404'
  | 'html-429'
  | 'html-502'
  | 'html-503'
  | 'html-504'
  | 'html-200'
  /** 503 QUERY_LIMIT_EXCEEDED for the whole request, nothing executed. With `times`: a storm. */
  | 'query-limit'
  /** 429 OPERATION_TIME_LIMIT for the whole request, nothing executed. With `times`: a storm. */
  | 'operating-limit'
  /** The commands of `methods` (default: all) get OPERATION_TIME_LIMIT inside the batch. */
  | 'batch-limit'
  /** 401 expired_token, nothing executed. */
  | 'expired-token'
  /** 401 CONNECTION_ERROR, nothing executed: the portal did not reach its authorization server; the token is as good as before. */
  | 'connection-error'
  /** Nothing executed, and the error comes as an object: `{"error":{"code","message"}}`, status 400 (protocol.md, 1.9). */
  | 'error-object'
  /** Executed, answered with status 200 and a warning of PHP in front of the JSON. */
  | 'php-warning'
  /** Writes of chosen rows get "Access denied." */
  | 'access-denied'
  /**
   * Something on the way delivers the request twice: again `ms` after the first arrived (default: a tenth of the request limit).
   * `beside` and `answered` say whether the first is done by then, and which of the two the client hears of.
   */
  | 'duplicate'
  /** The portal restarts (after `executes` commands of this request, default 0): all connections drop, work ends, data stay. */
  | 'restart'
  /** A batch answer without any trace of the command at place `command` (default 0), though it was executed. */
  | 'missing-result'

/** A request as predicates see it. */
export interface FaultRequest {
  /** Lower-case method name. */
  readonly method: string
  /** Lower-case method names inside a batch; of a single call its own. */
  readonly commands: readonly string[]
  /** Whether it contains a method that changes data. */
  readonly writes: boolean
  /** What it authenticates with, if it is not a webhook. */
  readonly accessToken: string | undefined
}

interface FaultOptions {
  /** Default: batches and single writes. */
  readonly when?: (request: FaultRequest) => boolean
  /** How many matching requests it applies to; default 1. */
  readonly times?: number
  /** `hold`, `late`, `duplicate`; a range is drawn from, by the seed of `random`. */
  readonly ms?: number | readonly [least: number, most: number]
  /** `duplicate`: the second delivery is executed beside the first if that still runs; default: only after it. */
  readonly beside?: boolean
  /** `duplicate`: whose answer the client gets; `none`: his connection breaks when the second begins. Default `second`. */
  readonly answered?: 'first' | 'second' | 'none'
  /** `html-*`, `restart`: how many commands are executed before. */
  readonly executes?: number
  /** `batch-limit`: lower-case names. */
  readonly methods?: readonly string[]
  /** `missing-result` */
  readonly command?: number
  /** `restart`: for how long connections are refused afterwards. */
  readonly downMs?: number
  /** `access-denied`: which rows; a fraction is drawn by the row's origin tag or title, so a row keeps its fate. Default: all. */
  readonly rows?: RowChoice
}

export interface RowChoice {
  readonly originIds?: readonly string[]
  readonly titles?: readonly string[]
  readonly fraction?: number
}

interface PlannedFault extends FaultOptions {
  readonly kind: FaultKind
}

/** A fault as it strikes one request. */
export interface Fault extends Omit<PlannedFault, 'ms'> {
  readonly ms?: number
}

type Chance = FaultOptions & { readonly probability: number }

/** How likely a kind is at each matching request: a probability, or one with options, or several such. */
type FaultOdds = { readonly [kind in FaultKind]?: number | Chance | readonly Chance[] }

export interface Faults {
  /** Applies to the next matching request(s); several wait in line, each request takes the first that matches. */
  next(kind: FaultKind, options?: FaultOptions): void
  /** From now on draws at every matching request that `next` has nothing for. */
  random(odds: FaultOdds, seed: number): void
  /** Switches everything off; keeps the log. */
  clear(): void
  /** How many planned faults have not come yet. */
  readonly waiting: number
  readonly log: {
    readonly counts: { readonly [kind in FaultKind]?: number }
    readonly entries: readonly { readonly kind: FaultKind; readonly method: string; readonly commands: number }[]
  }
  /** Asked once per request by the portal. */
  draw(request: FaultRequest): Fault | undefined
}

export const changesData = (method: string): boolean =>
  /\.(add|update|delete|set|import|batchimport|register|unbind|bind)$/.test(method)

const byDefault = (request: FaultRequest): boolean => request.method === 'batch' || request.writes

export function createFaults(): Faults {
  let planned: { fault: PlannedFault; left: number }[] = []
  let odds: readonly { readonly fault: PlannedFault; readonly probability: number }[] = []
  let random = mulberry32(0)
  const counts: { [kind in FaultKind]?: number } = {}
  const entries: { kind: FaultKind; method: string; commands: number }[] = []

  const pick = (request: FaultRequest): PlannedFault | undefined => {
    const matches = ({ fault }: { fault: PlannedFault }) => (fault.when ?? byDefault)(request)
    const plan = planned.find(matches)
    if (plan !== undefined) {
      plan.left -= 1
      if (plan.left <= 0) planned = planned.filter(each => each !== plan)
      return plan.fault
    }
    const possible = odds.filter(matches)
    if (possible.length === 0) return undefined
    let drawn = random()
    for (const { fault, probability } of possible) {
      if (drawn < probability) return fault
      drawn -= probability
    }
    return undefined
  }
  return {
    next(kind, options = {}) {
      planned.push({ fault: { ...options, kind }, left: options.times ?? 1 })
    },
    random(chances, seed) {
      random = mulberry32(seed)
      // The keys of a FaultOdds are kinds; Object.entries widens them to string.
      odds = (Object.entries(chances) as [FaultKind, FaultOdds[FaultKind]][]).flatMap(([kind, given = 0]) =>
        chancesOf(given).map(chance => ({ fault: { ...chance, kind }, probability: chance.probability }))
      )
    },
    clear() {
      planned = []
      odds = []
    },
    get waiting() {
      return planned.reduce((sum, { left }) => sum + left, 0)
    },
    log: { counts, entries },
    draw(request) {
      const picked = pick(request)
      if (picked === undefined) return undefined
      const { ms, ...rest } = picked
      const fault: Fault =
        ms === undefined ? rest : { ...rest, ms: typeof ms === 'number' ? ms : between(ms, random()) }
      counts[fault.kind] = (counts[fault.kind] ?? 0) + 1
      entries.push({ kind: fault.kind, method: request.method, commands: request.commands.length })
      return fault
    }
  }
}

function chancesOf(given: number | Chance | readonly Chance[]): readonly Chance[] {
  if (typeof given === 'number') return [{ probability: given }]
  return 'probability' in given ? [given] : given
}

const between = ([least, most]: readonly [number, number], drawn: number): number => least + drawn * (most - least)

/** The hook of state.ts that refuses the chosen rows. */
export function refuseRows(choice: RowChoice | undefined): Refuse {
  return (_entity, _action, row) => {
    // `row` is the call's fields on add and a stored record, which keeps them in `values`, otherwise.
    const values = ('values' in row ? row.values : row) as Readonly<Record<string, unknown>>
    return choice === undefined || chosen(choice, values) ? 'Access denied.' : undefined
  }
}

function chosen(choice: RowChoice, values: Readonly<Record<string, unknown>>): boolean {
  const originId = String(values.ORIGIN_ID ?? values.originId ?? '')
  const title = String(values.TITLE ?? values.title ?? values.LAST_NAME ?? values.lastName ?? '')
  if (choice.originIds?.includes(originId) || choice.titles?.includes(title)) return true
  return choice.fraction !== undefined && mulberry32(hash(originId || title))() < choice.fraction
}

function hash(text: string): number {
  let value = 2166136261
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 16777619)
  return value >>> 0
}

/** A small seeded generator of numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
