// Time left of a run, from the rows settled in the last seconds.
// Must stay true: pure; no estimate before there is something to estimate from.
import type { RunState } from './fold.ts'

const WINDOW_MS = 15_000

export interface Estimate {
  done(now: number, state: RunState): void
  /** Whole seconds; null while unknown. */
  secondsLeft(now: number, rowsLeft: number): number | null
}

const doneOf = ({ created, deleted, failed }: RunState): number =>
  created.company + created.contact + deleted.company + deleted.contact + failed

export const createEstimate = (): Estimate => {
  const points: { at: number; done: number }[] = []
  return {
    done(now, state) {
      points.push({ at: now, done: doneOf(state) })
      while (points.length > 2 && (points[0]?.at ?? now) < now - WINDOW_MS) points.shift()
    },
    secondsLeft(now, rowsLeft) {
      const first = points[0]
      const last = points.at(-1)
      if (first === undefined || last === undefined || last.done <= first.done) return null
      const perSecond = ((last.done - first.done) * 1000) / Math.max(1, now - first.at)
      return Math.ceil(rowsLeft / perSecond)
    }
  }
}
