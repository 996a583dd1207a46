// What a round does: operation, faults, kills; drawn from its seed alone.
// Must stay true: kill moments walk through every journal boundary, before and after the commit, as rounds go by.
import type { FaultKind } from '../emulator/faults.ts'
import { createDraw } from './random.ts'

/** How long the emulated portal works on one request at most; everything else is scaled by it. */
export const REQUEST_SECONDS = 0.6

export type Operation =
  | { readonly kind: 'create'; readonly companies: number; readonly contacts: number }
  | { readonly kind: 'clear'; readonly scope: 'created' | 'all'; readonly ours: number }

export type Kill =
  /** SIGKILL at the Nth commit of the process, just before or just after it. */
  | { readonly by: 'commit'; readonly at: number; readonly side: 'before' | 'after' }
  /** SIGKILL or SIGTERM after so many milliseconds of the run. */
  | { readonly by: 'SIGKILL' | 'SIGTERM'; readonly afterMs: number }

export interface Schedule {
  readonly seed: number
  readonly operation: Operation
  readonly odds: { readonly [kind in FaultKind]?: number }
  readonly faultSeed: number
  /** One per life of the process; later lives are left alone. */
  readonly kills: readonly Kill[]
  /** Ask to cancel after so many ms of the first life; the run is resumed later. */
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

export const drawSchedule = (seed: number, round: number): Schedule => {
  const draw = createDraw(seed)
  const operation: Operation = draw.chance(0.65)
    ? { kind: 'create', companies: draw.integer(1, 60), contacts: draw.integer(0, 90) }
    : { kind: 'clear', scope: draw.pick(['created', 'all']), ours: draw.integer(0, 110) }
  const odds: { [kind in FaultKind]?: number } = {}
  for (const [kind, most] of KINDS) if (draw.chance(0.3)) odds[kind] = draw.number() * most
  const boundary: Kill = {
    by: 'commit',
    at: 1 + (round % BOUNDARIES),
    side: Math.floor(round / BOUNDARIES) % 2 === 0 ? 'before' : 'after'
  }
  const more = Array.from({ length: draw.integer(0, 2) }, (): Kill => {
    if (draw.chance(0.5)) return { by: 'commit', at: draw.integer(1, BOUNDARIES), side: draw.pick(['before', 'after']) }
    return { by: draw.pick(['SIGKILL', 'SIGTERM']), afterMs: draw.integer(0, 900) }
  })
  return {
    seed,
    operation,
    odds,
    faultSeed: draw.integer(0, 2 ** 31),
    kills: [boundary, ...more],
    cancelAfterMs: draw.chance(0.25) ? draw.integer(0, 600) : undefined,
    canaries: draw.integer(0, 70),
    lateCanaries: draw.integer(0, 5),
    commandMs: draw.pick([0, 2, 10]),
    workers: draw.pick([1, 4, 16])
  }
}
