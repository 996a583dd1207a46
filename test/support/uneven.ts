// Times that vary as those of a real portal do: drawn from a seed, the same on every machine.
// Must stay true: in the middle they are what was asked for.

export interface Uneven {
  /** Around 1: a command that takes longer or shorter than usual. */
  factor(): number
  /** Seconds that something is held up on the way. */
  delay(): number
}

/** `spread`: standard deviation of the factor, about; `delaySeconds`: the mean delay. */
export const createUneven = (
  seed: number,
  { spread, delaySeconds }: { readonly spread: number; readonly delaySeconds: number }
): Uneven => {
  let state = seed
  const random = (): number => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return (state + 0.5) / 2 ** 32
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
  return {
    factor: () => Math.exp(spread * normal() - spread ** 2 / 2),
    delay: () => -Math.log(random()) * delaySeconds
  }
}
