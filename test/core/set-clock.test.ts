// A run while somebody sets the time: everything happens at the same moments as if nobody had, and the times that are shown are right.
// Must stay true: the same run twice in virtual time, with and without; the portal has a clock of its own.
import { describe, expect, test } from 'vitest'
import { PortalFailure } from '../../server/core/portal.ts'
import { createLoadCounter } from '../../server/core/speed/load.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import type { PortalLimits } from '../support/limited-portal.ts'
import { createRows, createSimulation } from '../support/simulation.ts'

const HOUR = 3_600_000
const STEPS = [30_000, -30_000, HOUR, -HOUR, 24 * HOUR, -24 * HOUR]

interface Situation {
  readonly rows: number
  readonly limits?: Partial<PortalLimits>
  /** What our settings say of the bucket. */
  readonly believed?: { readonly rate: number; readonly burst: number }
  /** Seconds of the run in which there is no portal, or in which answers are lost. */
  readonly away?: readonly [from: number, to: number]
  readonly lost?: readonly [from: number, to: number]
  /** Seconds after the start at which the time is set. */
  readonly setAt: number
  /** What the run waits for then. */
  readonly waitingFor?: string
}

const situations: Record<string, Situation> = {
  'while batches are under way': { rows: 2000, setAt: 3 },
  'while the request bucket is empty': {
    rows: 3000,
    limits: { burst: 5, rate: 0.5, commandSeconds: () => 0.005 },
    setAt: 20,
    waitingFor: 'requests'
  },
  'while the portal is away': { rows: 2000, away: [2, 90], setAt: 60, waitingFor: 'portal' },
  'while lost answers are looked up': { rows: 200, lost: [0.1, 1.2], setAt: 30, waitingFor: 'reconciliation' },
  'while the portal refuses requests': {
    rows: 2000,
    limits: { burst: 5 },
    believed: { rate: 2, burst: 50 },
    setAt: 1.5
  },
  'while a method is over its operating time': {
    rows: 4000,
    limits: { operating: { model: 'window', limitSeconds: 120, windowSeconds: 600, banSeconds: 300 } },
    setAt: 200,
    waitingFor: 'crm.company.add'
  },
  'while a method is banned': {
    rows: 4000,
    limits: { operating: { model: 'ban', limitSeconds: 120, windowSeconds: 600, banSeconds: 300 } },
    setAt: 200,
    waitingFor: 'crm.company.add'
  }
}

/** All that a run tells, each with the seconds since its start; waits in seconds from then. */
const tell = async ({ rows, limits, believed, away, lost, setAt }: Situation, by: number) => {
  const simulation = createSimulation(
    { workers: 4, latencySeconds: 0.04, burst: 50, rate: 2, commandSeconds: () => 0.1, ...limits },
    believed
  )
  const { clock, portal, runs, channel } = simulation
  const { execute } = portal.portal
  const begun = clock.steady()
  const within = (span: readonly [number, number] | undefined): boolean => {
    const at = (clock.steady() - begun) / 1000
    return span !== undefined && at >= span[0] && at < span[1]
  }
  Object.assign(portal.portal, {
    async execute(...call: Parameters<typeof execute>) {
      if (within(away)) throw new PortalFailure('unreachable', 'ECONNREFUSED', 'No connection')
      const fails = within(lost)
      const reply = await execute(...call)
      if (fails) throw new PortalFailure('lost', 'ECONNRESET', 'The connection was lost')
      return reply
    }
  })
  void clock.sleep(setAt * 1000).then(() => clock.set(by))
  const told: object[] = []
  let over = false
  const following = (async () => {
    const { id } = await runs.start(channel, createRows(rows), { userId: null, name: 'test' })
    for await (const { done, status, etaSeconds, waitingFor, waitingUntil } of runs.watch(
      id,
      new AbortController().signal
    )) {
      const wait = waitingUntil === null ? null : Math.round((Date.parse(waitingUntil) - clock.now()) / 10) / 100
      told.push({ at: clock.steady() - begun, done, status, etaSeconds, waitingFor, wait })
    }
  })().finally(() => {
    over = true
  })
  await clock.runUntil(() => over)
  await following
  return { told, created: portal.crm.companies.size + portal.crm.contacts.size }
}

describe.each(Object.entries(situations))('a clock that is set %s', (_name, situation) => {
  test('finds the run in that situation', async () => {
    const { told, created } = await tell(situation, 0)
    expect(created).toBe(situation.rows)
    expect(told.at(-1)).toMatchObject({ status: 'completed', done: situation.rows })
    const before = told.findLast(one => (one as { at: number }).at <= situation.setAt * 1000)
    if (situation.waitingFor !== undefined) expect(before).toMatchObject({ waitingFor: situation.waitingFor })
  })

  test.each(STEPS)('by %i ms changes nothing', async by => {
    expect(await tell(situation, by)).toEqual(await tell(situation, 0))
  })
})

describe('a portal whose clock is not ours', () => {
  const hours = [-24, -3, 3, 24]
  const names = ['while a method is over its operating time', 'while lost answers are looked up']
  test.each(names.flatMap(name => hours.map(ahead => [name, ahead] as const)))(
    'makes the same waits: %s, %i hours ahead',
    async (name, ahead) => {
      const { limits, ...rest } = situations[name] as Situation // one of them
      const shifted = { ...rest, limits: { ...limits, aheadSeconds: ahead * 3600 } }
      expect(await tell(shifted, 0)).toEqual(await tell({ ...rest, limits: { ...limits } }, 0))
    }
  )

  test.each(hours)('says when it began, also beside a request that was given up: %i hours ahead', ahead => {
    const standingAt = (aheadMs: number) => {
      const load = createLoadCounter()
      const known = 0.002
      load.occupy(1, 0).answered(100, { duration: 0.1, finishedAt: 100 + aheadMs }, known)
      const givenUp = load.occupy(10, 200)
      const next = load.occupy(10, 210)
      givenUp.left(400)
      return next.answered(500, { duration: 0.1, finishedAt: 500 + aheadMs }, known)
    }
    expect(standingAt(0)).toMatchObject({ endedBefore: 1 })
    expect(standingAt(ahead * HOUR)).toEqual(standingAt(0))
  })

  test.each([
    [1e9, 600 + 5.1 * 60],
    [undefined, 600],
    [-1e9, 0],
    [90, 90]
  ])('says that operating time comes back in %s s: waits for %i s', (resetIn, waits) => {
    const pace = createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds: 60 })
    pace.operating('crm.company.add', { used: 480, window: 1, resetIn, took: 1 }, 0)
    const { returns } = pace.budget('crm.company.add', 0) ?? { returns: [] }
    expect(returns.find(({ seconds }) => seconds === 479)?.in).toBe(waits)
  })
})
