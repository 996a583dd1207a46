// The emulated portal's workers: how many requests run at once, and how service time passes.
// Must stay true: order and numbers are checked, never durations.
import { describe, expect, it } from 'vitest'
import { createWorkers, Execution, Interrupted } from '../../emulator/workers.ts'
import { batch, call, openPortal } from './portal-client.ts'

describe('workers', () => {
  it('work on so many requests at once and on the others in their order, also when the number changes', async () => {
    let most = 2
    const workers = createWorkers(() => most)
    const started: number[] = []
    const finish: (() => void)[] = []
    const work = (name: number) =>
      workers.run(
        () =>
          new Promise<void>(resolve => {
            started.push(name)
            finish.push(resolve)
          })
      )
    const all = [1, 2, 3, 4, 5].map(work)
    expect(started).toEqual([1, 2])
    most = 3
    workers.wake()
    await expect.poll(() => started).toEqual([1, 2, 3])
    finish[1]?.()
    await expect.poll(() => started).toEqual([1, 2, 3, 4])
    for (const done of finish) done()
    await expect.poll(() => started).toEqual([1, 2, 3, 4, 5])
    finish[4]?.()
    await Promise.all(all)
    expect(workers.maxBusy).toBe(3)
  })

  it('forget their queue at a restart', async () => {
    const workers = createWorkers(() => 1)
    let finish = () => {}
    const running = workers.run(() => new Promise<void>(resolve => (finish = resolve)))
    const queued = workers.run(async () => {})
    workers.restart()
    await expect(queued).rejects.toThrow(Interrupted)
    await workers.run(async () => {})
    finish()
    await running
  })

  it('spend service time by deadlines that add up, and none without it', async () => {
    let now = 0
    const execution = new Execution(() => now, 60_000)
    expect(execution.spend(0)).toBeUndefined()
    now = 100 // late
    expect([execution.spend(30), execution.spend(30), execution.spend(30)]).toEqual([undefined, undefined, undefined])
    expect(execution.commandAt).toBe(60)
    const waiting = execution.spend(30)
    execution.stop()
    await expect(waiting).rejects.toThrow(Interrupted)
  })

  it('hold requests back in front of the portal: one worker serves a slow batch before the next request', async () => {
    const portal = await openPortal({ speed: { workers: 1, commandMs: 5, latencyMs: 4 } })
    const order: string[] = []
    const slow = batch(portal, [
      'crm.company.add?fields[TITLE]=A',
      'crm.company.add?fields[TITLE]=A',
      'crm.company.add?fields[TITLE]=A'
    ]).then(() => order.push('slow'))
    await expect.poll(() => portal.stats.batches).toBe(1)
    const fast = call(portal, 'crm.company.list').then(({ body }) => order.push(`fast ${body.total}`))
    await Promise.all([slow, fast])
    expect(order).toEqual(['slow', 'fast 3'])
    expect(portal.stats.maxBusyWorkers).toBe(1)
  })

  it('make 10 000 commands without service time quick enough not to matter', async () => {
    const portal = await openPortal({ plan: 'box' })
    const commands = Array.from(
      { length: 50 },
      (_, at) => `crm.company.add?fields[TITLE]=${at}&fields[ORIGIN_ID]=${at}`
    )
    for (let round = 0; round < 200; round += 1) await batch(portal, commands)
    expect(portal.stats.commands['crm.company.add']).toBe(10_000)
    expect(portal.state.counts().companies).toBe(10_000)
  })
})
