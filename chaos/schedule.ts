// What a round does: store, door, operation, faults, blows; drawn from its seed alone.
// Must stay true: on the embedded store, kill moments walk through every journal boundary, before and after the commit, as rounds go by.
import type { FaultKind } from '../emulator/faults.ts'
import type { DoorName } from './door.ts'
import { createDraw, type Draw } from './random.ts'
import type { StoreName } from './store.ts'

/** How long the emulated portal works on one request at most; everything else is scaled by it. */
export const REQUEST_SECONDS = 0.6

export type Operation =
  | { readonly kind: 'create'; readonly companies: number; readonly contacts: number }
  | { readonly kind: 'clear'; readonly scope: 'created' | 'all'; readonly ours: number }

/** The Nth commit of a process (`of`: that writes down such an event), just before or just after it. */
export interface AtCommit {
  readonly commit: number
  readonly side: 'before' | 'after'
  readonly of?: 'batch.sent'
}

/** The other one: so many milliseconds after the process is ready. */
type Moment = AtCommit | { readonly afterMs: number }

/** When a frozen process goes on: so much later, or so long after another one has taken its run over. */
export type Wake = { readonly afterMs: number } | { readonly afterTakeoverMs: number }

export type Blow =
  | { readonly signal: 'SIGKILL' | 'SIGTERM'; readonly at: Moment }
  /** It stands still, as on a machine that sleeps. */
  | { readonly signal: 'SIGSTOP'; readonly at: Moment; readonly wake: Wake }

/** What happens to one life of a process; at most one blow at a commit. */
export type Life = readonly Blow[]

export interface Schedule {
  readonly seed: number
  /** Embedded: one process. PostgreSQL: two that share it. */
  readonly store: StoreName
  readonly door: DoorName
  readonly operation: Operation
  readonly odds: { readonly [kind in FaultKind]?: number }
  readonly faultSeed: number
  /** Of each process; later lives are left alone. */
  readonly lives: readonly (readonly Life[])[]
  /** A process that died is started again after so many ms. */
  readonly restartMs: number
  readonly autoResume: boolean
  /** All connections to the database are cut every so many ms; undefined: they last. */
  readonly dropEveryMs: number | undefined
  /** Which process the client asks: the number of the one where it starts, and what the others are drawn from. */
  readonly starter: number
  readonly clientSeed: number
  /** All access tokens are over every so many ms; undefined: they last. */
  readonly expireEveryMs: number | undefined
  /** Ask to cancel after so many ms of the run; it is resumed later. */
  readonly cancelAfterMs: number | undefined
  /** Foreign records that are there from the start, and ones that appear while the run is on. */
  readonly canaries: number
  readonly lateCanaries: number
  readonly commandMs: number
  readonly workers: number
}

const KINDS: readonly [FaultKind, number][] = [
  ['reset-before', 0.2],
  ['reset-after', 0.2],
  ['hold', 0.08],
  ['late', 0.1],
  ['truncated', 0.15],
  ['html-200', 0.08],
  ['html-403', 0.08],
  ['html-429', 0.08],
  ['html-502', 0.1],
  ['html-503', 0.1],
  ['html-504', 0.1],
  ['query-limit', 0.15],
  ['operating-limit', 0.08],
  ['batch-limit', 0.1],
  ['access-denied', 0.15],
  ['duplicate', 0.15],
  ['restart', 0.08],
  ['missing-result', 0.15],
  ['expired-token', 0.03]
]

/** Commits that a small run makes: kill moments go round in this range. */
const BOUNDARIES = 24

const drawCommit = (draw: Draw, most: number): AtCommit => ({
  commit: draw.integer(1, most),
  side: draw.pick(['before', 'after'])
})

/** One process, killed again and again. */
const drawKills = (draw: Draw, round: number): Blow[] => {
  const side = Math.floor(round / BOUNDARIES) % 2 === 0 ? 'before' : 'after'
  const more = Array.from({ length: draw.integer(0, 2) }, (): Blow => {
    if (draw.chance(0.5)) return { signal: 'SIGKILL', at: drawCommit(draw, BOUNDARIES) }
    return { signal: draw.pick(['SIGKILL', 'SIGTERM']), at: { afterMs: draw.integer(0, 900) } }
  })
  return [{ signal: 'SIGKILL', at: { commit: 1 + (round % BOUNDARIES), side } }, ...more]
}

/** The first ones, so that most of them come: a lease lasts long, and such rounds are few. */
const PAIR_BOUNDARIES = 10
const PAIR_BATCHES = 3

/** Half of them where a batch is written down and has not left: that is when others take over what is still to come. */
const drawPairCommit = (draw: Draw): AtCommit =>
  draw.chance(0.5) ? { ...drawCommit(draw, PAIR_BATCHES), of: 'batch.sent' } : drawCommit(draw, PAIR_BOUNDARIES)

const drawWake = (draw: Draw): Wake =>
  draw.chance(0.75) ? { afterTakeoverMs: draw.integer(0, 6000) } : { afterMs: draw.integer(100, 17_000) }

const drawBlow = (draw: Draw): Blow => {
  const timed = draw.chance(0.25)
  const signal = draw.pick<Blow['signal']>(
    timed ? ['SIGKILL', 'SIGTERM', 'SIGTERM', 'SIGSTOP'] : ['SIGKILL', 'SIGSTOP']
  )
  const at = timed ? { afterMs: draw.integer(0, 2500) } : drawPairCommit(draw)
  if (signal !== 'SIGSTOP') return { signal, at }
  // Behind a commit there is something left to do, which nobody wants any more by then.
  const behind: Moment = 'commit' in at && draw.chance(0.5) ? { ...at, side: 'after' } : at
  return { signal, at: behind, wake: drawWake(draw) }
}

const maybe = (draw: Draw, probability: number): Life => (draw.chance(probability) ? [drawBlow(draw)] : [])

/** Two processes, of which mostly the first one is struck. */
const drawPair = (draw: Draw): (readonly Life[])[] => [[[drawBlow(draw)], maybe(draw, 0.25)], [maybe(draw, 0.35)]]

export const drawSchedule = (seed: number, round: number): Schedule => {
  const draw = createDraw(seed)
  const operation: Operation = draw.chance(0.65)
    ? { kind: 'create', companies: draw.integer(1, 60), contacts: draw.integer(0, 90) }
    : { kind: 'clear', scope: draw.pick(['created', 'all']), ours: draw.integer(0, 110) }
  const odds: { [kind in FaultKind]?: number } = {}
  for (const [kind, most] of KINDS) if (draw.chance(0.3)) odds[kind] = draw.number() * most
  const kills = drawKills(draw, round)
  const both = {
    seed,
    operation,
    odds,
    faultSeed: draw.integer(0, 2 ** 31),
    cancelAfterMs: draw.chance(0.25) ? draw.integer(0, 600) : undefined,
    canaries: draw.integer(0, 70),
    lateCanaries: draw.integer(0, 5),
    commandMs: draw.pick([0, 2, 10]),
    workers: draw.pick([1, 4, 16]),
    door: draw.chance(0.4) ? ('application' as const) : ('webhook' as const)
  }
  const freeze: Life = draw.chance(0.2)
    ? [{ signal: 'SIGSTOP', at: { afterMs: draw.integer(0, 500) }, wake: { afterMs: draw.integer(100, 1500) } }]
    : []
  const expireEveryMs = draw.chance(0.5) ? draw.integer(100, 900) : undefined
  const clientSeed = draw.integer(0, 2 ** 31)
  if (!draw.chance(1 / 8)) {
    const lives = kills.map((kill, life) => (life === 0 ? [kill, ...freeze] : [kill]))
    const alone = { lives: [lives], restartMs: 0, autoResume: false, dropEveryMs: undefined, starter: 0 }
    return { ...both, store: 'embedded', ...alone, expireEveryMs, clientSeed }
  }
  return {
    ...both,
    store: 'postgres',
    lives: drawPair(draw),
    restartMs: draw.integer(0, 3000),
    autoResume: draw.chance(0.5),
    dropEveryMs: draw.chance(0.4) ? draw.integer(300, 4000) : undefined,
    starter: draw.chance(0.8) ? 0 : 1,
    expireEveryMs,
    clientSeed
  }
}
