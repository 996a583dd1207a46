// What surrounds an attempt: its lease.
// Must stay true: time is virtual.
import { expect, test } from 'vitest'
import { momentOf } from '../../server/core/clock.ts'
import { LeaseLost } from '../../server/core/run/journal.ts'
import { underLease } from '../../server/core/run/run-life.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

const lease = { portalId: 'portal', owner: 'here:1:a', fence: 1 }

test.each([
  ['is never answered', () => new Promise<void>(() => undefined)],
  ['comes after the release', (released: Promise<void>) => released.then(() => Promise.reject(new LeaseLost('portal')))]
])(
  'a run ends and gives its portal back although a renewal %s',
  async (_what, renew) => {
    const clock = createVirtualClock()
    let release = (): void => undefined
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    const said: string[] = []
    let over = false
    const leases = {
      ttl: 15_000,
      acquire: async () => lease,
      renew: () => renew(released),
      release: async () => release()
    }
    const deps = { leases, clock, onCrash: (error: unknown) => said.push(String(error)) }
    const work = underLease(
      deps,
      lease,
      momentOf(clock),
      () => clock.sleep(6000),
      () => said.push('lost')
    ).then(() => {
      over = true
    })
    await clock.runUntil(() => over)
    await work
    await new Promise(resolve => setImmediate(resolve))
    expect(said).toEqual([])
  },
  5000
)
