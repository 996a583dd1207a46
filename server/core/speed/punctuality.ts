// When an answer should be there: whoever is long past that time waits for a worker.
// Must stay true: pure; a late answer that nothing overtook is late for other reasons (the network, a slow moment of ours).
import type { UnderWay } from './load.ts'

/** A request that takes so many times as long as it should is waiting for a worker. */
const OVERDUE = 1.25
/** One that does not wait is answered that near to its time: by a share of it, and by some milliseconds of ours. */
const PUNCTUAL = 0.03
const PUNCTUAL_MS = 20

/** Seconds of a command, and on the wire; steady ms. */
interface Known {
  readonly perCommand: number
  readonly latency: number
  readonly now: number
}

/** Milliseconds from sending to the answer when nothing has to wait. */
const expected = (rows: number, { perCommand, latency }: Known): number => (latency + rows * perCommand) * 1000

/** True when a request has to wait: others that came before it were answered, and it is not, long after its time. */
export const someWait = (load: readonly UnderWay[], known: Known): boolean =>
  load.some(({ rows, since, passed }) => passed.length > 0 && known.now - since > expected(rows, known) * OVERDUE)

/** Until when answers come that say how many the portal works on: steady ms, 0 where none is due right now. */
export const dueUntil = (load: readonly UnderWay[], known: Known): number => {
  let until = 0
  for (const { rows, since } of load) {
    const takes = expected(rows, known)
    const end = since + takes * (1 + PUNCTUAL) + PUNCTUAL_MS
    if (known.now - since >= takes * (1 - PUNCTUAL) && known.now < end) until = Math.max(until, end)
  }
  return until
}
