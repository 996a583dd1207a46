// What a run does beside its batches: lists, looks up, corrects. One chore at a time.
// Must stay true: a chore that failed is not tried again at once; its events are journalled like all others.
import type { Clock } from '../clock.ts'
import { PortalFailure } from '../portal.ts'
import type { Mission } from './mission.ts'
import type { RunEvent } from './run.ts'

/** Pauses after a failed chore, as shares of the longest request: 0.25 s in the cloud, 5 s behind an operating limit. */
const PAUSE = 1 / 240
const PAUSE_BEHIND_LIMIT = 1 / 12

export interface ChoresDeps {
  readonly mission: Pick<Mission, 'chore'>
  readonly clock: Clock
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
  /** Resolves while this process may drive the portal: chores await it themselves. @throws {LeaseLost} */
  readonly confirm: () => Promise<void>
  /** Journals what came of a chore. */
  readonly emit: (events: readonly RunEvent[]) => Promise<void>
  readonly worked: () => void
  readonly trouble: (failure: PortalFailure) => void
}

export interface Chores {
  /** The chore that is due now, to be begun at once; null when there is none, or one is under way. `settling`: the run is ending. */
  due(now: number, settling: boolean): (() => Promise<void>) | null
  underWay(): boolean
  /** No chore before this time (steady ms). */
  quietUntil(): number
}

export const createChores = (deps: ChoresDeps): Chores => {
  const { mission, clock, requestSeconds, confirm, emit, worked, trouble } = deps
  let underWay = false
  let quietUntil = 0

  return {
    due(now, settling) {
      if (underWay || now < quietUntil) return null
      const chore = mission.chore(settling)
      if (chore === null) return null
      return async () => {
        underWay = true
        try {
          await emit(await chore(confirm))
          worked()
        } catch (error) {
          if (!(error instanceof PortalFailure)) throw error
          trouble(error)
          const share = error.kind === 'operating' ? PAUSE_BEHIND_LIMIT : PAUSE
          quietUntil = clock.steady() + share * requestSeconds * 1000
        } finally {
          underWay = false
        }
      }
    },
    underWay: () => underWay,
    quietUntil: () => quietUntil
  }
}
