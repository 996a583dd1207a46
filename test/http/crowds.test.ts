// Many readers at once, through real sockets, with the limits of a usual portal: nobody holds a portal for those who left, and a run goes on.
// Must stay true: what is counted are the requests that the portal got.
import { once } from 'node:events'
import { connect } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import type { FaultRequest } from '../../emulator/faults.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage, openSite, type Site } from '../support/site.ts'

beforeAll(buildPage)

const LIMITS = { BITRIX_RATE: '2', BITRIX_BURST: '50' }

/** Requests as the portal got them: of pages, and of the run. */
const watchPortal = ({ portal }: Site) => {
  const seen = { pages: 0, run: 0 }
  const note = ({ writes }: FaultRequest): false => {
    seen[writes ? 'run' : 'pages'] += 1
    return false
  }
  portal.faults.next('hold', { when: note })
  return seen
}

/** A run that has used up what could go at once, and now lives on what the bucket gives back. */
const openBusy = async () => {
  const site = await openSite({ portal: { bucket: { on: true } }, settings: LIMITS })
  const seen = watchPortal(site)
  const started = await fetch(`${site.origin}/api/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'create', companies: 20_000, contacts: 20_000, seed: 1, locale: 'en' })
  })
  const { id } = (await started.json()) as RunSnapshot
  await expect.poll(() => seen.run, { timeout: 30_000, interval: 20 }).toBeGreaterThan(45)
  return {
    ...site,
    seen,
    run: async () => (await (await fetch(`${site.origin}/api/runs/${id}`)).json()) as RunSnapshot
  }
}

/** Pages that differ from one another, so that none can be read for many. */
const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `/api/${index % 2 === 0 ? 'companies' : 'contacts'}?after=${index + 1}`)

/** Requests of a page that may go before a run that waits has its turn. */
const AHEAD = 4

test('readers who have left take nothing of the portal any more', async () => {
  const { origin, seen, run } = await openBusy()
  const sockets = addresses(150).map(path => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => undefined)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    return socket
  })
  await Promise.all(sockets.map(socket => once(socket, 'connect')))
  for (const _ of [1, 2, 3]) await fetch(`${origin}/health`) // whoever came before has been heard by then
  for (const socket of sockets) socket.destroy()
  const moreOfRun = async (requests: number): Promise<void> => {
    const { run: before } = seen
    await expect.poll(() => seen.run, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(before + requests)
  }
  // The server, in this very process, is busy with their coming and going for a moment.
  await moreOfRun(12)
  const { pages } = seen
  await moreOfRun(8)
  expect(seen.pages).toBe(pages)
  expect((await run()).status).toBe('running')
}, 90_000)

test('a run has its share beside readers who stay, and each of those is answered', async () => {
  const { origin, seen, run } = await openBusy()
  const before = { ...seen }
  const readers = addresses(400).map(async path => {
    const answer = await fetch(`${origin}${path}`)
    const { error } = (await answer.json()) as { error?: string }
    return { status: answer.status, error, retryAfter: Number(answer.headers.get('retry-after')) }
  })
  let answered = false
  const all = Promise.all(readers).finally(() => {
    answered = true
  })
  await expect
    .poll(
      () => {
        expect(seen.pages - before.pages).toBeLessThanOrEqual(seen.run - before.run + AHEAD + 1)
        return answered
      },
      { timeout: 60_000, interval: 20 }
    )
    .toBe(true)
  const refused = (await all).filter(({ status }) => status !== 200)
  expect(refused.length).toBeLessThan(400)
  expect(refused.length).toBeGreaterThan(300)
  for (const { status, error, retryAfter } of refused) {
    expect([status, error]).toEqual([503, 'PORTAL_SLOW'])
    expect(retryAfter).toBeGreaterThan(0)
  }
  expect(seen.pages - before.pages).toBeGreaterThan(2)
  expect((await run()).status).toBe('running')
}, 90_000)

test('equal reads are one, and each reader gets what was there after he asked', async () => {
  const site = await openSite({ portal: { speed: { latencyMs: 500 } } })
  const seen = watchPortal(site)
  site.portal.state.seed({ companies: 3, contacts: 3 })
  const answers = await Promise.all(
    Array.from({ length: 200 }, async () => (await fetch(`${site.origin}/api/contacts`)).json())
  )
  for (const answer of answers) expect(answer).toMatchObject({ total: 3 })
  // Two requests a page; one page is read for the first who came, one for all who came meanwhile, and so on.
  expect(seen.pages).toBeLessThan(40)
})

test('a page during a crowd opens in time, and says why its tables are empty', async () => {
  const { origin, seen } = await openBusy()
  const left = new AbortController()
  const crowd = addresses(400).map(path => fetch(`${origin}${path}`, { signal: left.signal }))
  await expect.poll(() => seen.pages, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0)
  const opened = await fetch(`${origin}/?lang=en`)
  expect([opened.status, await opened.text()]).toEqual([200, expect.stringContaining('Try again in a minute')])
  left.abort()
  await Promise.allSettled(crowd)
}, 90_000)
