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
  /** Companies and contacts have to be looked at before the first command: nobody can delete what was never seen. */
  readonly look?: true
  /** Rows of each entity that have to be looked at behind the last command: nobody knows before that all are there, each once. */
  readonly count?: readonly number[]
  /** Requests that must be left by then. */
  readonly kept?: number
}

/** Commands that fit into `seconds`, one after another. */
const fits = (p: PortalParameters, seconds: number): number => Math.floor(seconds / p.commandSeconds + 1e-9)

/** Commands that the workers can execute within `seconds`, if requests could be spread over them as one likes. */
const byWorkers = (p: PortalParameters, requests: number, seconds: number): number => {
  const each = Math.floor(requests / p.workers)
  const withOneMore = requests % p.workers
  const most = (count: number): number => Math.min(fits(p, seconds), 50 * count)
  return most(each) * (p.workers - withOneMore) + most(each + 1) * withOneMore
}

/** Commands that the bucket lets through within `seconds`: a request that leaves late has little time left for its own. */
const byBucket = (p: PortalParameters, requests: number, seconds: number): number => {
  let commands = 0
  for (let nth = 1; nth <= requests && commands < p.rows; nth += 1) {
    const leaves = Math.max(0, (nth - p.burst) / p.rate)
    commands += Math.min(50, fits(p, seconds - leaves))
  }
  return commands
}

/** Whether `rows` commands can be executed within `seconds` of work. */
const feasible = (p: PortalParameters, seconds: number): boolean => {
  const requests = Math.floor(p.burst + p.rate * seconds) - (p.kept ?? 0)
  return Math.min(byWorkers(p, requests, seconds), byBucket(p, requests, seconds)) >= p.rows
}

/** Windows that must pass, and the rest of the work behind the last of them. */
const operatingSeconds = ({ rows, commandSeconds, operating, workers }: PortalParameters): number => {
  if (operating === undefined) return 0
  // A method is refused once it has used up its limit; the calls that cross it, one a worker, still finish.
  const perWindow = operating.limit + (workers * commandSeconds) / operating.methods
  const perMethod = (rows / operating.methods) * commandSeconds
  const windows = Math.max(0, Math.ceil(perMethod / perWindow) - 1)
  if (windows === 0) return 0
  return windows * operating.window + ((perMethod - windows * perWindow) * operating.methods) / workers
}

/** Seconds of work alone. */
const working = (p: PortalParameters): number => {
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

/** Seconds with a look at both entities before: `requests` at once, `commands` in each. */
const behindLook = (p: PortalParameters, requests: number, commands: number): number => {
  const look = commands * p.commandSeconds + p.latencySeconds
  return look + working({ ...p, burst: Math.min(p.burst, p.burst - requests + p.rate * look) })
}

/** Rows on a page of a list. */
const PAGE = 50

/** Seconds with a look at everything behind the last command, spread over `requests`. */
const beforeCount = (p: PortalParameters, commands: number, requests: number): number =>
  working({ ...p, kept: requests }) + Math.ceil(commands / requests) * p.commandSeconds + p.latencySeconds

const withCount = (p: PortalParameters, rows: readonly number[]): number => {
  const commands = rows.reduce((sum, count) => sum + Math.ceil(count / PAGE), 0)
  const fewest = Math.ceil(commands / 50)
  const most = Math.min(commands, p.workers)
  const choices = Array.from({ length: Math.max(1, most - fewest + 1) }, (_, index) => fewest + index)
  return Math.min(...choices.map(requests => beforeCount(p, commands, requests)))
}

/** Seconds. */
export const lowerBound = (p: PortalParameters): number => {
  if (p.look) return Math.min(behindLook(p, 1, 2), behindLook(p, 2, 1))
  return p.count === undefined ? working(p) : withCount(p, p.count)
}
