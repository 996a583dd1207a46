// A portal that works on a request, or has worked on it, when its run has given it up or was told that nothing happened.
// Must stay true: through the real createRuns; the portal is counted, not the journal.
import { expect, onTestFinished, test } from 'vitest'
import { createOAuthClient } from '../../server/bitrix24/oauth-client.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import { systemClock } from '../../server/system-clock.ts'
import { batch, json, startRawPortal } from '../bitrix24/raw-portal.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal, type Fate } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, runsOver, toTheEnd } from '../support/virtual-runs.ts'

const REQUEST_SECONDS = 60

/** One process, and a portal with these fates of requests. */
const createOne = (fates: readonly Fate[], each = 1) => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, fates, REQUEST_SECONDS)
  const { journal, leases } = openMemoryJournal(createDisk())
  const runs = runsOver(journal, leases, clock, REQUEST_SECONDS)
  const channel = channelTo(model.portal, clock, REQUEST_SECONDS)
  return {
    ...{ model, runs, channel, clock },
    /** The same in the next process. */
    restart: () => runsOver(journal, leases, clock, REQUEST_SECONDS),
    start: () => runs.start(channel, companiesAndContacts(each, each), nobody),
    /** Seconds that it took. */
    pass: (work: () => Promise<unknown>) => pass(clock, work)
  }
}

test('a request that is lost at once is looked up as soon as the portal can no longer be working on it', async () => {
  const { model, runs, start, pass } = createOne([{ is: 'fine' }, { is: 'never arrives' }])
  const seconds = await pass(async () => {
    await start()
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed' })
  })
  expect(seconds).toBeLessThan(REQUEST_SECONDS + 2)
  expect([model.companies.size, model.contacts.size]).toEqual([1, 1])
})

test.each([3_600_000, -3_600_000])('a look-up comes no sooner when somebody sets the time by %i ms', async by => {
  const { model, runs, clock, start, pass } = createOne([
    { is: 'fine' },
    { is: 'goes on', seconds: REQUEST_SECONDS - 1 }
  ])
  await pass(async () => {
    await start()
    await clock.sleep(1000)
    clock.set(by)
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed' })
    await clock.sleep(2 * REQUEST_SECONDS * 1000)
  })
  expect([model.companies.size, model.contacts.size]).toEqual([1, 1])
})

test('a run that goes on is looked up late enough, although the time was set in between', async () => {
  const { model, runs, channel, clock, start, pass } = createOne(
    [{ is: 'fine' }, { is: 'goes on', seconds: REQUEST_SECONDS - 1 }, { is: 'refused the second time', gap: 0 }],
    10
  )
  await pass(async () => {
    await start()
    expect(await toTheEnd(runs)).toMatchObject({ status: 'failed' })
  })
  clock.set(3_600_000)
  await pass(async () => {
    await runs.resume('run1', channel)
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed' })
    await clock.sleep(2 * REQUEST_SECONDS * 1000)
  })
  expect([model.companies.size, model.contacts.size]).toEqual([10, 10])
})

test('a process that stops does not wait until a cancelled run may be looked up', async () => {
  const { model, runs, restart, channel, clock, start, pass } = createOne([
    { is: 'fine' },
    { is: 'goes on', seconds: REQUEST_SECONDS - 1 }
  ])
  const seconds = await pass(async () => {
    await start()
    await clock.sleep(1000)
    await runs.cancel('run1')
    await clock.sleep(1000)
    await runs.stop()
  })
  expect(seconds).toBeLessThan(5)
  const next = restart()
  expect((await next.find('run1'))?.snapshot).toMatchObject({ status: 'cancelled', done: 0 })
  await pass(async () => {
    await next.resume('run1', channel)
    expect(await toTheEnd(next)).toMatchObject({ status: 'completed' })
  })
  expect([model.companies.size, model.contacts.size]).toEqual([1, 1])
})

test('a run whose access ended under way fails at once, and looks up what may have been executed when it is resumed', async () => {
  const { model, runs, channel, start, pass } = createOne([{ is: 'fine' }, { is: 'refused the second time', gap: 0 }])
  const seconds = await pass(async () => {
    await start()
    expect(await toTheEnd(runs)).toMatchObject({ status: 'failed', failure: { code: 'invalid_token' } })
  })
  expect(seconds).toBeLessThan(5)
  await pass(async () => {
    await runs.resume('run1', channel)
    expect(await toTheEnd(runs)).toMatchObject({ status: 'completed' })
  })
  expect([model.companies.size, model.contacts.size]).toEqual([1, 1])
})

test('a request that is repeated with new tokens, and lost then, creates nothing twice', async () => {
  const requestSeconds = 1
  const created: string[] = []
  const expired = json(401, { error: 'expired_token', error_description: 'The access token provided has expired.' })
  let adds = 0
  const raw = await startRawPortal((response, request, body) => {
    const { cmd } = JSON.parse(body) as { cmd: Record<string, string> }
    const execute = (): void => {
      const result = Object.fromEntries(
        Object.entries(cmd).map(([key, command]) => {
          const query = new URLSearchParams(command.slice(command.indexOf('?') + 1))
          if (command.startsWith('crm.company.add')) {
            return [key, created.push(query.get('fields[ORIGIN_ID]') ?? '')]
          }
          const tags = [...query].filter(([name]) => name.startsWith('filter[@ORIGIN_ID]')).map(([, tag]) => tag)
          return [key, created.flatMap((tag, index) => (tags.includes(tag) ? [{ ID: index + 1, ORIGIN_ID: tag }] : []))]
        })
      )
      if (!response.destroyed) batch({ result })(response, request, body)
    }
    if (!Object.values(cmd).some(command => command.includes('.add'))) return execute()
    adds += 1
    // It waited for a worker, and by then the token had expired; then its connection breaks, and the portal works on.
    if (adds <= 2) setTimeout(() => expired(response, request, body), 950)
    else if (adds > 3) execute()
    else {
      setTimeout(execute, 900)
      setTimeout(() => response.socket?.destroy(), 50)
    }
  })
  onTestFinished(() => raw.close())
  let renewals = 0
  const client = createOAuthClient(
    {
      origin: async () => raw.origin,
      token: async () => 'planted-token-0',
      async renew() {
        renewals += 1
        return `planted-token-${renewals}`
      },
      moved: async () => undefined,
      settled: async () => undefined
    },
    { requestSeconds, now: Date.now }
  )
  onTestFinished(() => client.close())
  const { journal, leases } = openMemoryJournal(createDisk())
  const runs = runsOver(journal, leases, systemClock, requestSeconds)
  const portal = createRestPortal({ id: 'p', host: raw.host, client })
  await runs.start(channelTo(portal, systemClock, requestSeconds), companiesAndContacts(1, 0), nobody)
  expect(await toTheEnd(runs)).toMatchObject({ status: 'completed' })
  await systemClock.sleep(requestSeconds * 1000)
  expect(created).toEqual(['run1:1'])
  expect(renewals).toBeGreaterThan(0)
}, 20_000)
