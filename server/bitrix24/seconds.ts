// How long a portal worked on the commands of a batch, from the moments at which they were finished.
// Must stay true: pure; `duration` is believed for nothing else than its own second, and never beyond what went by here.

/** What a command's `time` block says, in seconds. Since the end of 2025 `start` is cut to whole seconds there, so `duration` is up to 1 s too long; `finish` is exact. */
export interface Told {
  readonly duration: number
  readonly finish?: number | undefined
}

/** By so much (seconds) a told duration may be too long. */
const CUT = 1

/** One command: somewhere between what is certain of its duration and what has gone by here. */
const single = ({ duration }: Told, elapsed: number): number =>
  (Math.min(elapsed, Math.max(0, duration - CUT)) + Math.min(elapsed, duration)) / 2

/**
 * Seconds of each command, in their order. From one finish to the next is one command's time; the first one's is taken for the mean of the others.
 * `elapsed`: seconds from sending to the answer.
 */
export const secondsOf = (told: readonly Told[], elapsed: number): number[] => {
  const [first, ...others] = told
  if (first === undefined) return []
  const finishes = told.map(({ finish }) => finish)
  if (others.length === 0 || finishes.includes(undefined)) return told.map(each => single(each, elapsed / told.length))
  const steps = others.map((_, index) => Math.max(0, (finishes[index + 1] ?? 0) - (finishes[index] ?? 0)))
  const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length
  const all = [mean, ...steps]
  // A portal whose clock is set meanwhile: what has gone by here is certain.
  const sum = all.reduce((seconds, step) => seconds + step, 0)
  return sum <= elapsed ? all : all.map(step => (step * elapsed) / sum)
}
