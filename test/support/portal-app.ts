// The real app as a local application of emulated portals that share an authorization server, on real sockets and a real database.
// Must stay true: everything is the product's own except the page's templates and its build; a restart keeps the data.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type AuthorizationServer, createAuthorizationServer } from '../../emulator/authorization-server.ts'
import {
  createEmulatedPortal,
  type EmulatedPortal,
  type EmulatedPortalOptions
} from '../../emulator/emulated-portal.ts'
import type { OpeningWish } from '../../emulator/openings.ts'
import { createApp } from '../../server/app.ts'
import { openApplication } from '../../server/bitrix24/application-parts.ts'
import { Secret } from '../../server/config.ts'
import type { Installation, InstallationStore } from '../../server/core/installation.ts'
import { readRecords } from '../../server/core/records.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { shareReads } from '../../server/core/shared-reads.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { loadAssets } from '../../server/http/assets.ts'
import { createSessions, type Sessions } from '../../server/http/session.ts'
import type { StandaloneSite } from '../../server/http/site.ts'
import { loadTranslations } from '../../server/http/translate.ts'
import { createLog } from '../../server/log.ts'
import { openDatabase } from '../../server/store/database.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createLeases } from '../../server/store/leases.ts'
import { createVault } from '../../server/store/vault.ts'
import { systemClock } from '../../server/system-clock.ts'
import { freshDir } from './fresh-dir.ts'
import { stateOf, writePages } from './portal-pages.ts'

export const APP_SECRET = 'planted-app-secret-0123456789abcdef'
export const KEYS = { clientId: 'local.0123456789abcd.01234567', clientSecret: 'planted5client5secret' }

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Loose on purpose: tests look into answers of every shape. */
  // biome-ignore lint/suspicious/noExplicitAny: as said above
  readonly body: any
}

export interface PortalAppOptions {
  /** How many portals; default 1. */
  readonly portals?: number
  readonly portal?: EmulatedPortalOptions
  /** Without it the application is installed at once, and binds itself later. */
  readonly installPath?: boolean
  readonly scope?: readonly string[]
  /** More authorization servers on the list. */
  readonly oauthUrls?: readonly string[]
  readonly now?: () => number
  /** The app's clock is that far from the right one, in milliseconds. */
  readonly skew?: number
  readonly site?: StandaloneSite
}

export interface PortalApp {
  readonly origin: string
  readonly authorization: AuthorizationServer
  readonly portals: readonly EmulatedPortal[]
  /** The first of them. */
  readonly portal: EmulatedPortal
  readonly dataDir: string
  /** Lines of the log so far. */
  readonly logged: string[]
  /** Everything that was answered so far, with headers. */
  readonly answered: string[]
  readonly store: () => InstallationStore
  readonly runs: () => Runs
  readonly sessions: () => Sessions
  installation(portal?: EmulatedPortal): Promise<Installation | undefined>
  send(path: string, init?: RequestInit): Promise<Reply>
  /** As Bitrix24's hidden form: `change` alters the request on its way. */
  post(path: '/install' | '/placement', wish?: Partial<OpeningWish>, change?: Change): Promise<Reply>
  event(fields: Readonly<Record<string, string>>): Promise<Reply>
  /** Opens and installs as the administrator; resolves when the portal knows the application as installed. */
  install(portal?: EmulatedPortal): Promise<Reply>
  /** The session of a page that a person opens. */
  session(wish?: Partial<OpeningWish>, portal?: EmulatedPortal): Promise<string>
  api(session: string, path: string, init?: RequestInit): Promise<Reply>
  restart(): Promise<void>
}

export interface Change {
  readonly portal?: EmulatedPortal
  readonly query?: Readonly<Record<string, string>>
  readonly fields?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Starts it all; everything is closed when the test ends. */
export const openPortalApp = async (options: PortalAppOptions = {}): Promise<PortalApp> => {
  const authorization = await createAuthorizationServer()
  const portals = await Promise.all(
    Array.from({ length: options.portals ?? 1 }, () =>
      createEmulatedPortal({ bucket: { on: false }, authorization, ...options.portal })
    )
  )
  const [portal] = portals
  if (portal === undefined) throw new RangeError('At least one portal')
  const dataDir = freshDir()
  const { build, views } = writePages(freshDir())
  const logged: string[] = []
  const answered: string[] = []

  let handler: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end()
  const server = createServer((request, response) => handler(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // TCP
  const origin = `http://127.0.0.1:${port}`
  for (const each of portals) {
    each.registerApplication({
      ...KEYS,
      handlerUrl: `${origin}/placement`,
      ...(options.installPath === false ? {} : { installUrl: `${origin}/install` }),
      title: { ru: 'BitrixCorp', en: 'BitrixCorp' },
      scope: options.scope ?? ['crm', 'placement', 'user_brief']
    })
  }
  let starts = 0
  let ids = 0
  const clock = { ...systemClock, now: () => systemClock.now() + (options.skew ?? 0) }

  const start = async () => {
    starts += 1
    const db = await openDatabase({ dataDir })
    const leases = createLeases(db, {
      owner: `here:${starts}:start`,
      ttl: 15_000,
      isAlive: pid => pid === starts
    })
    const log = createLog('trace', { write: line => logged.push(line) })
    const runs = createRuns({
      journal: createJournal(db),
      ...{ leases, clock, random: Math.random, requestSeconds: 60, autoResume: false },
      newId: () => `run${++ids}`,
      onCrash: error => log.error({ err: error }, 'run failed inside')
    })
    const store = createInstallations(db, createVault(APP_SECRET))
    const application = openApplication({
      ...{ clientId: KEYS.clientId, clientSecret: new Secret(KEYS.clientSecret) },
      oauthUrls: [authorization.origin, ...(options.oauthUrls ?? [])],
      portalHosts: ['*.bitrix24.com', ...portals.map(({ host }) => host)],
      ...{ publicUrl: origin, store, leases, runs, clock, fetch },
      newPace: () => createPace({ rate: 1000, burst: 1000, random: Math.random, requestSeconds: 60 }),
      client: { requestSeconds: 60, now: Date.now },
      onTrouble: (error, what) => log.warn({ err: error }, what)
    })
    const sessions = createSessions(APP_SECRET, options.now ?? clock.now)
    const closing = new AbortController()
    handler = createApp({
      ...{
        log,
        runs,
        readRecords: shareReads(readRecords, systemClock),
        door: { application, sessions },
        site: options.site
      },
      assets: loadAssets(build),
      translations: loadTranslations(new URL('../../locales', import.meta.url).pathname),
      viewsDir: views,
      standaloneSecret: undefined,
      publicUrl: origin,
      newSeed: () => 1,
      closing: closing.signal
    }).callback()
    await runs.recover(record => application.channelOfRun(record))
    return {
      ...{ store, runs, sessions },
      async close() {
        await runs.stop()
        closing.abort()
        application.close()
        await db.destroy()
      }
    }
  }
  let parts = await start()
  onTestFinished(async () => {
    await parts.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await Promise.all(portals.map(each => each.close()))
    await authorization.close()
  })

  const send: PortalApp['send'] = async (path, init = {}) => {
    const response = await fetch(`${origin}${path}`, { redirect: 'manual', ...init })
    const text = await response.text()
    answered.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`)
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== ''
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
  }
  const post: PortalApp['post'] = async (path, wish = {}, change = {}) => {
    const opening = (change.portal ?? portal).open({ clientId: KEYS.clientId, ...wish })
    const query = new URL(opening.url).searchParams
    for (const [name, value] of Object.entries(change.query ?? {})) query.set(name, value)
    const form = new URLSearchParams(opening.body)
    for (const [name, value] of Object.entries(change.fields ?? {})) {
      if (value === undefined) form.delete(name)
      else form.set(name, value)
    }
    return send(`${path}?${query}`, {
      method: 'POST',
      body: form,
      // As a browser sends a form from the portal's page.
      headers: {
        accept: 'text/html',
        origin: (change.portal ?? portal).origin,
        'sec-fetch-site': 'cross-site',
        ...change.headers
      }
    })
  }
  return {
    ...{ origin, authorization, portals, portal, dataDir, logged, answered, send, post },
    store: () => parts.store,
    runs: () => parts.runs,
    sessions: () => parts.sessions,
    installation: (each = portal) => parts.store.find(each.memberId),
    event: fields => send('/events', { method: 'POST', body: new URLSearchParams(fields) }),
    async install(each = portal) {
      const reply = await post('/install', {}, { portal: each })
      each.applications.finishInstall(KEYS.clientId)
      await each.eventsSettled()
      return reply
    },
    async session(wish = {}, each = portal) {
      return stateOf(await post('/placement', wish, { portal: each })).session
    },
    api: (session, path, init = {}) =>
      send(path, { ...init, headers: { authorization: `Bearer ${session}`, ...init.headers } }),
    async restart() {
      await parts.close()
      parts = await start()
    }
  }
}
