// The handshake, killed at every point: whatever was done by then, doing it again leads to the same end.
// Must stay true: the process dies by SIGKILL; the points cover every request that it makes and every transaction of its store.
import { beforeAll, describe, expect, it } from 'vitest'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import type { FaultKind } from '../../emulator/faults.ts'
import { KEYS } from '../support/portal-app.ts'
import { openRealApp, type RealApp } from '../support/real-app.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const PLACEMENTS = 6
/** Two events are bound, and each placement is unbound and bound. */
const COMMANDS = 2 + 2 * PLACEMENTS

/** Starts a process that dies at this point of what it is asked next. */
type Point = (app: RealApp) => Promise<void>

/** When its nth request has reached the portal, which executes nothing of it, all of it, or some commands. */
const atRequest =
  (nth: number, kind: FaultKind, executes = 0): Point =>
  async app => {
    await app.startProcess()
    let seen = 0
    const when = (): boolean => {
      seen += 1
      if (seen === nth) app.kill()
      return seen === nth
    }
    app.portal.faults.next(kind, { when, executes })
  }

const atAuthorization: Point = async app => {
  await app.startProcess()
  const { requests } = app.authorization.stats
  app.authorization.failNext('hold')
  void expect
    .poll(() => app.authorization.stats.requests, { interval: 5 })
    .toBeGreaterThan(requests)
    .then(app.kill)
}

const around = (name: string, nth: number): [string, Point][] => [
  [`before ${name}`, atRequest(nth, 'reset-before')],
  [`after ${name}`, atRequest(nth, 'hold')]
]
const proving: [string, Point][] = [
  ['while the authorization server is asked', atAuthorization],
  ...around('the portal has said who it is', 1)
]
const storing = (nth: number, what: string): [string, Point][] => [
  [`before ${what}`, app => app.startProcess({ nth, side: 'before' })],
  [`after ${what}`, app => app.startProcess({ nth, side: 'after' })]
]
const storingInstallation = storing(1, 'the installation and its tokens are stored')
const binding: [string, Point][] = [
  ...around('the portal has said what it offers', 2),
  ...around('everything is bound', 3),
  ...Array.from({ length: COMMANDS - 1 }, (_, index): [string, Point] => [
    `after ${index + 1} of ${COMMANDS} bindings`,
    atRequest(3, 'restart', index + 1)
  ])
]

const expectBoundOnce = ({ applications }: EmulatedPortal, origin: string): void => {
  const placements = applications.placements(KEYS.clientId)
  expect(new Set(placements.map(({ placement }) => placement)).size).toBe(PLACEMENTS)
  expect(placements.map(({ handler }) => handler)).toEqual(Array(PLACEMENTS).fill(`${origin}/placement`))
  const handlers = applications.eventHandlers(KEYS.clientId).map(({ event, handler }) => [event, handler])
  const events = ['ONAPPINSTALL', 'ONAPPUNINSTALL'].map(event => [event, `${origin}/events`])
  expect(handlers.toSorted()).toEqual(events)
}

/** Installed once, bound once, and the stored tokens work: also the refresh token. */
const expectWhole = async (app: RealApp, session: string): Promise<void> => {
  expectBoundOnce(app.portal, app.origin)
  const rows = await app.stored((_store, db) => db.selectFrom('installation').selectAll().execute())
  expect(rows).toMatchObject([{ member_id: app.portal.memberId, status: 'active', bound_to: app.origin }])
  app.portal.applications.expireTokens(KEYS.clientId)
  const { refreshes } = app.authorization.stats
  expect((await app.api(session, '/api/companies')).status).toBe(200)
  expect(app.authorization.stats.refreshes).toBe(refreshes + 1)
}

/** The process dies in the middle of `act`; another one is there afterwards. */
const killedIn = async (app: RealApp, point: Point, act: () => Promise<unknown>): Promise<void> => {
  await point(app)
  await expect(act()).rejects.toThrow()
  await app.died()
  app.portal.faults.clear()
  await app.start()
}

describe('a process that is killed while an administrator installs', () => {
  it.each([...proving, ...storingInstallation, ...binding])(
    '%s: installing again completes it',
    async (_name, point) => {
      const app = await openRealApp()
      await killedIn(app, point, () => app.post('/install'))
      await app.install()
      await expectWhole(app, await app.session())
    }
  )
})

describe('a process that is killed after the portal was told that the installation is finished', () => {
  it('and misses the event: the first opening completes it', async () => {
    const app = await openRealApp()
    await app.startProcess()
    await app.post('/install')
    app.kill()
    await app.died()
    app.portal.applications.finishInstall(KEYS.clientId)
    await app.portal.eventsSettled()
    await app.start()
    await expectWhole(app, await app.session())
  })

  const storingTokens = storing(1, 'the tokens are stored')
  it.each([...proving, ...storingTokens])(
    'in the first opening, %s: opening again completes it',
    async (_name, point) => {
      const app = await openRealApp()
      await app.start()
      await app.install()
      await app.stop()
      app.portal.configure({ tokenSeconds: 7200 }) // the opening's tokens are newer than the event's
      await killedIn(app, point, () => app.post('/placement'))
      await expectWhole(app, await app.session())
    }
  )
})

describe('a process that is killed while an application without an installation path binds itself', () => {
  it.each([...proving, ...storingInstallation, ...binding])('%s: opening again completes it', async (_name, point) => {
    const app = await openRealApp({ installPath: false })
    await killedIn(app, point, () => app.post('/placement'))
    await expectWhole(app, await app.session())
  })

  // Where a second one appears, it needs its own moments of death above.
  it('has one transaction to be killed in', async () => {
    const app = await openRealApp({ installPath: false })
    await app.startProcess({ nth: 2, side: 'before' })
    expect((await app.post('/placement')).status).toBe(200)
    expectBoundOnce(app.portal, app.origin)
    const rows = await app.stored((_store, db) => db.selectFrom('installation').selectAll().execute())
    expect(rows).toMatchObject([{ status: 'active', bound_to: app.origin }])
  })
})
