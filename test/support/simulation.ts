// A whole run against a portal with limits, in virtual time: what it took, what it was told on the way.
// Must stay true: the real core from `runs.start` to the last snapshot; only the portal, the journal and the clock are models.
import { type Channel, createChannel } from '../../server/core/channel.ts'
import type { Operation } from '../../server/core/recipe.ts'
import { readRecords } from '../../server/core/records.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { createLimitedPortal, type LimitedPortal, type PortalLimits } from './limited-portal.ts'
import { createDisk, openMemoryJournal } from './memory-journal.ts'
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts'
import { nobody } from './virtual-runs.ts'

/** What a run took, and what it told. `at`: seconds since its start. */
export interface Seen {
  readonly seconds: number
  readonly seen: { at: number; snapshot: RunSnapshot }[]
}

export interface Simulation {
  readonly clock: VirtualClock
  readonly portal: LimitedPortal
  readonly channel: Channel
  readonly runs: Runs
  /** Runs an operation to its end. */
  run(operation: Operation): Promise<Seen>
  /** The same for a run that `start` begins, another one's retry for example. */
  follow(start: () => Promise<RunSnapshot>): Promise<Seen>
  /** Lets virtual time pass. */
  pass(seconds: number): Promise<void>
  /** Reads what the page shows, as whoever starts a run has done before. */
  openPage(): Promise<void>
}

export const createRows = (rows: number): Operation => ({
  kind: 'create',
  recipe: { companies: Math.ceil(rows / 2), contacts: Math.floor(rows / 2), seed: 1, locale: 'ru' }
})
export const clearAll: Operation = { kind: 'clear', scope: 'all' }

/** `believed`: what our own settings say of the bucket; the portal's true one by default. */
export const createSimulation = (
  limits: PortalLimits,
  believed: { readonly rate: number; readonly burst: number } = limits
): Simulation => {
  const clock = createVirtualClock()
  const portal = createLimitedPortal(clock, limits)
  const requestSeconds = 60
  const pace = createPace({ rate: believed.rate, burst: believed.burst, random: () => 0.5, requestSeconds })
  const channel = createChannel(portal.portal, pace, clock)
  const { journal, leases } = openMemoryJournal(createDisk())
  let count = 0
  const crashes: unknown[] = []
  const runs = createRuns({
    journal,
    leases,
    clock,
    random: () => 0.5,
    newId: () => `run${++count}`,
    requestSeconds,
    autoResume: false,
    onCrash: error => crashes.push(error)
  })
  const settled = async (work: Promise<void>): Promise<void> => {
    let over = false
    let failure: unknown
    work.then(
      () => {
        over = true
      },
      error => {
        over = true
        failure = error
      }
    )
    await clock.runUntil(() => over || crashes.length > 0)
    if (failure !== undefined) throw failure
    if (crashes.length > 0) throw crashes[0]
  }
  const follow: Simulation['follow'] = async start => {
    const seen: { at: number; snapshot: RunSnapshot }[] = []
    const begun = clock.steady()
    await settled(
      (async () => {
        const { id } = await start()
        for await (const snapshot of runs.watch(id, new AbortController().signal))
          seen.push({ at: (clock.steady() - begun) / 1000, snapshot })
      })()
    )
    return { seconds: (clock.steady() - begun) / 1000, seen }
  }
  return {
    clock,
    portal,
    channel,
    runs,
    run: operation => follow(() => runs.start(channel, operation, nobody)),
    follow,
    pass: seconds => settled(clock.sleep(seconds * 1000)),
    async openPage() {
      await settled(readRecords(channel, 'company', { after: null, limit: 1 }).then(() => undefined))
      await settled(clock.sleep(60_000))
    }
  }
}
