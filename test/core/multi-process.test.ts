// Several processes over one database, on both engines: who may run, and what becomes of the run of one that died or froze.
// Must stay true: the portal is counted, not the journal; time is virtual and stands still while a database works.
import { describe, expect, test } from 'vitest'
import { answerSeconds } from '../../server/core/portal.ts'
import { createWorld, operation, TTL_MS } from '../support/processes.ts'
import { engines } from '../support/stores.ts'
import { nobody } from '../support/virtual-runs.ts'

const never = new Promise<never>(() => undefined)

describe.each(engines)('two processes over one $name', ({ fresh }) => {
  test('run one at a time on a portal: the second is shown the run of the first, then has its turn', async () => {
    const { pass, startProcess, expectExact } = createWorld(await fresh())
    const [a, b] = [await startProcess('a'), await startProcess('b')]
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    await expect(pass(b.runs.start(b.channel, operation, nobody))).rejects.toMatchObject({
      code: 'BUSY',
      details: { run: { id, status: 'running' } }
    })
    expect(await pass(b.runs.active('model'))).toMatchObject({ id })
    await pass(b.runs.recover(async () => b.channel))
    // Watched from the other process.
    expect(await pass(b.toTheEnd(id))).toMatchObject({ status: 'completed', percent: 100 })
    expectExact(id)
    await pass(a.runs.stop())
    const next = await pass(b.runs.start(b.channel, { kind: 'clear', scope: 'created' }, nobody))
    expect(await pass(b.toTheEnd(next.id))).toMatchObject({
      status: 'completed',
      deleted: { companies: 40, contacts: 60 }
    })
  })

  test.each([
    [2, false],
    [2, true],
    [3, true],
    [4, false],
    [4, true]
  ])('the run of one that died at its write %i (kept: %s) is finished by the other, exactly', async (at, kept) => {
    const { clock, pass, startProcess, expectExact } = createWorld(await fresh())
    const a = await startProcess('a', { at, kept, until: never })
    const b = await startProcess('b')
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    while (!a.stopped()) await pass(clock.sleep(10))

    await pass(b.runs.recover(async () => b.channel))
    expect((await b.journal.find(id))?.snapshot.status).toBe('running')
    await expect(pass(b.runs.start(b.channel, operation, nobody))).rejects.toMatchObject({ code: 'BUSY' })

    await pass(clock.sleep(TTL_MS))
    await pass(b.runs.recover(async () => b.channel))
    expect(await pass(b.toTheEnd(id))).toMatchObject({ status: 'interrupted' })
    await pass(b.runs.stop().then(() => undefined))
    const c = await startProcess('c')
    await pass(c.runs.resume(id, c.channel))
    expect(await pass(c.toTheEnd(id))).toMatchObject({ status: 'completed', created: { companies: 40, contacts: 60 } })
    expectExact(id)
  })

  test('one that froze with a request at the portal leaves nothing that is created twice, nor does it go on when it wakes up', async () => {
    const { clock, portal, pass, startProcess, expectExact } = createWorld(await fresh(), 60)
    let wake = (): void => undefined
    const woken = new Promise<void>(resolve => {
      wake = resolve
    })
    // As late as the portal may begin with it, and as long as it may then work on it.
    const a = await startProcess('a', { atRequest: 3, workAt: answerSeconds(60) + 59, until: woken })
    const b = await startProcess('b')
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    while (!a.stopped()) await pass(clock.sleep(10))
    await pass(clock.sleep(TTL_MS))
    await pass(b.runs.recover(async () => b.channel))
    expect(await pass(b.toTheEnd(id))).toMatchObject({ status: 'interrupted' })
    await pass(b.runs.resume(id, b.channel))
    expect(await pass(b.toTheEnd(id))).toMatchObject({ status: 'completed', created: { companies: 40, contacts: 60 } })
    await pass(clock.sleep(61_000)) // the portal is counted once more
    const requests = portal.requests()
    wake()
    await pass(a.toTheEnd(id))
    await pass(clock.sleep(200_000))
    expect(portal.requests()).toBe(requests)
    expectExact(id)
  })

  test('one that froze before a write and wakes up after the other took over sends and writes nothing more', async () => {
    const { clock, portal, pass, startProcess, expectExact } = createWorld(await fresh())
    let wake = (): void => undefined
    const woken = new Promise<void>(resolve => {
      wake = resolve
    })
    const a = await startProcess('a', { at: 3, kept: false, until: woken })
    const b = await startProcess('b')
    const { id } = await pass(a.runs.start(a.channel, operation, nobody))
    while (!a.stopped()) await pass(clock.sleep(10))
    await pass(clock.sleep(TTL_MS))
    await pass(b.runs.recover(async () => b.channel))
    await pass(b.toTheEnd(id))
    await pass(b.runs.stop())
    const c = await startProcess('c')
    await pass(c.runs.resume(id, c.channel))
    await pass(c.toTheEnd(id))
    const [requests, record] = [portal.requests(), await c.journal.find(id)]

    wake()
    await pass(a.toTheEnd(id)) // it goes on by itself, until it sees that the run is not its own any more
    expect(portal.requests()).toBe(requests)
    expect(await c.journal.find(id)).toEqual(record)
    expect(record?.snapshot.status).toBe('completed')
    expectExact(id)
  })
})
