// What a run waits for when nothing but time will change anything: said in the snapshot.
// Must stay true: pure; nothing is said while requests are under way that may end the wait.

import type { Pace } from '../speed/pace.ts'
import type { Mission } from './mission.ts'

export interface Waiting {
  /** Steady ms. */
  readonly until: number
  /** As `RunSnapshot.waitingFor`. */
  readonly for: string
}

export interface WaitingInput {
  /** Steady ms, as `quietUntil`. */
  readonly now: number
  /** Nothing is under way. */
  readonly idle: boolean
  /** The run is being ended. */
  readonly ending: boolean
  readonly mission: Pick<Mission, 'wants' | 'left' | 'choreAt'>
  readonly pace: Pace
  readonly quietUntil: number
}

export const describeWaiting = ({ now, idle, ending, mission, pace, quietUntil }: WaitingInput): Waiting | null => {
  const parked = mission.wants().map(method => ({ until: pace.parkedUntil(method, now), for: method }))
  const first = parked.filter(({ until }) => until > now).sort((a, b) => a.until - b.until)[0]
  if (first !== undefined && parked.every(({ until }) => until > now)) return first
  if (!idle) return null
  // Rows are left and nothing moves: they are rows of the parked method, or wait for one of it.
  if (first !== undefined && mission.left() > 0 && !ending) return first
  if (quietUntil > now) return { until: quietUntil, for: 'portal' }
  const nextFree = pace.nextAt(now, 'run')
  if (mission.left() > 0 && !ending && nextFree > now) return { until: nextFree, for: 'requests' }
  const due = mission.choreAt()
  const onlyLookUps = mission.left() === 0 || ending
  return onlyLookUps && due > now && due < Number.POSITIVE_INFINITY ? { until: due, for: 'reconciliation' } : null
}
