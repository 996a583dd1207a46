// Runs over any journal, leases, portal and clock, started and followed as the server does it.
// Must stay true: the real core; what goes wrong inside a run fails the test.
import { type Channel, createChannel } from '../../server/core/channel.ts'
import type { Clock } from '../../server/core/clock.ts'
import type { Portal } from '../../server/core/portal.ts'
import type { Operation } from '../../server/core/recipe.ts'
import type { Journal, Leases } from '../../server/core/run/journal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import type { VirtualClock } from './virtual-clock.ts'

export const nobody = { userId: null, name: 'test' }

export const companiesAndContacts = (companies: number, contacts: number): Operation => ({
  kind: 'create',
  recipe: { companies, contacts, seed: 1, locale: 'ru' }
})

/** Its only run is `run1`; `recover` goes on with it. */
export const runsOver = (journal: Journal, leases: Leases, clock: Clock, requestSeconds: number): Runs =>
  createRuns({
    ...{ journal, leases, clock, requestSeconds, random: () => 0.5, newId: () => 'run1', autoResume: true },
    onCrash: error => {
      throw error
    }
  })

export const channelTo = (portal: Portal, clock: Clock, requestSeconds: number): Channel =>
  createChannel(portal, createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds }), clock)

/** Its last snapshot. */
export const toTheEnd = async (runs: Runs): Promise<RunSnapshot | undefined> => {
  let last: RunSnapshot | undefined
  for await (const snapshot of runs.watch('run1', new AbortController().signal)) last = snapshot
  return last
}

/** Lets virtual time pass until `work` is done; the seconds that it took. */
export const pass = async (clock: VirtualClock, work: () => Promise<unknown>): Promise<number> => {
  const begun = clock.steady()
  let over = false
  const done = work().finally(() => {
    over = true
  })
  await clock.runUntil(() => over)
  await done
  return (clock.steady() - begun) / 1000
}
