// What is known of a run for good: its state as far as the journal has it, and the way into the journal.
// Must stay true: the state never says more than what is on disk, also when a write has failed and later ones have not.
import { applyRunEvent, type RunState } from './fold.ts'
import type { RunEvent } from './run.ts'

/** Makes events durable together with the state that follows; calls resolve in order. */
export type Store = (events: readonly RunEvent[], state: RunState) => Promise<void>

export interface Durable {
  /** The state as far as it is on disk. */
  state(): RunState
  /** Since when the oldest write that is under way has been (steady ms); null where none is. */
  writingSince(): number | null
  /** Resolves when the events are on disk, and `state` tells of them; otherwise nothing of them was remembered. @throws what `store` throws */
  write(events: readonly RunEvent[]): Promise<void>
}

/** `steady`: now, in steady ms. */
export const createDurable = (initial: RunState, store: Store, steady: () => number): Durable => {
  let written = initial
  /** As it will be when all that is under way is on disk: what is stored with the newest of it. */
  let expected = initial
  /** With when each of them began; the oldest first. */
  const underWay = new Map<readonly RunEvent[], number>()
  return {
    state: () => written,
    writingSince: () => underWay.values().next().value ?? null,
    async write(events) {
      underWay.set(events, steady())
      expected = events.reduce(applyRunEvent, expected)
      try {
        await store(events, expected)
        underWay.delete(events)
        written = events.reduce(applyRunEvent, written)
      } catch (error) {
        underWay.delete(events)
        expected = [...underWay.keys()].flat().reduce(applyRunEvent, written)
        throw error
      }
    }
  }
}
