// The least time that any client needs, from the portal's own parameters.
// Must stay true: pure; only what the portal enforces counts (workers, time per command, 50 to a request, bucket, operating time).

export interface PortalParameters {
  readonly rows: number
  readonly commandSeconds: number
  readonly workers: number
  readonly latencySeconds: number
  /** Requests that may go at once, and per second afterwards. */
  readonly burst: number
  readonly rate: number
  /** Operating seconds per method and window; absent: no limit. */
  readonly operating?: { readonly limit: number; readonly window: number; readonly methods: number }
}

/** Whether `rows` commands can be executed within `seconds` of work. */
const feasible = (p: PortalParameters, seconds: number): boolean => {
  const perWorker = Math.floor(seconds / p.commandSeconds + 1e-9)
  const requests = Math.floor(p.burst + p.rate * seconds)
  const each = Math.floor(requests / p.workers)
  const withOneMore = requests % p.workers
  const most = (count: number): number => Math.min(perWorker, 50 * count)
  return most(each) * (p.workers - withOneMore) + most(each + 1) * withOneMore >= p.rows
}

const operatingSeconds = ({ rows, commandSeconds, operating }: PortalParameters): number => {
  if (operating === undefined) return 0
  // A method is refused once it has used up its limit; the call that crosses it still finishes.
  const perMethod = (rows / operating.methods) * commandSeconds
  return Math.max(0, Math.ceil(perMethod / operating.limit) - 1) * operating.window
}

/** Seconds. */
export const lowerBound = (p: PortalParameters): number => {
  let low = 0
  let high = 1
  while (!feasible(p, high)) high *= 2
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2
    if (feasible(p, middle)) high = middle
    else low = middle
  }
  return Math.max(high, operatingSeconds(p)) + p.latencySeconds
}
