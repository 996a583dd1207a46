// The product itself as a local application: the real server, here or as a process of its own, on emulated portals that share an authorization server.
// Must stay true: a server that was stopped or killed finds its data and its address again; everything is closed when the test ends.
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { type ServerProcess, startServerProcess } from '../../chaos/server-process.ts'
import { type AuthorizationServer, createAuthorizationServer } from '../../emulator/authorization-server.ts'
import {
  createEmulatedPortal,
  type EmulatedPortal,
  type EmulatedPortalOptions
} from '../../emulator/emulated-portal.ts'
import type { OpeningWish } from '../../emulator/openings.ts'
import { readConfig } from '../../server/config.ts'
import type { InstallationStore } from '../../server/core/installation.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { createLog } from '../../server/log.ts'
import { startServer } from '../../server/start.ts'
import { type Database, openDatabase } from '../../server/store/database.ts'
import { createInstallations } from '../../server/store/installations.ts'
import { createVault } from '../../server/store/vault.ts'
import { freshDir } from './fresh-dir.ts'
import { openFront } from './front.ts'
import { APP_SECRET, KEYS, type Reply } from './portal-app.ts'
import { stateOf } from './portal-pages.ts'

type Settings = Readonly<Record<string, string>>

export interface RealAppOptions {
  /** How many portals; default 1. */
  readonly portals?: number
  readonly portal?: EmulatedPortalOptions
  /** False: the application is installed at once, and binds itself at its first opening. */
  readonly installPath?: boolean
  /** As in the environment. */
  readonly settings?: Settings
}

interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Transaction {
  /** The first of a server that is ready is 1. */
  readonly nth: number
  readonly side: 'before' | 'after'
}

export interface RealApp {
  /** PUBLIC_URL: the same for every server that is started. */
  readonly origin: string
  readonly authorization: AuthorizationServer
  readonly portals: readonly EmulatedPortal[]
  /** The first of them. */
  readonly portal: EmulatedPortal
  /** Fills in the portal's form again, after the application was deleted there. */
  register(portal?: EmulatedPortal): void
  /** In this process. `more`: settings from now on. */
  start(more?: Settings): Promise<void>
  /** As a process that can be killed. It dies by itself just before or after its nth transaction in the store. */
  startProcess(transaction?: Transaction): Promise<void>
  /** Cleanly. */
  stop(): Promise<void>
  /** The process gets SIGKILL now; `stop` waits for its end. */
  kill(): void
  /** Resolves when the process is gone, whoever killed it. */
  died(): Promise<void>
  /** What is on disk. */
  stored<T>(look: (store: InstallationStore, db: Database) => Promise<T>): Promise<T>
  send(path: string, request?: Request): Promise<Reply>
  /** As Bitrix24's hidden form. */
  post(path: '/install' | '/placement', wish?: Partial<OpeningWish>, portal?: EmulatedPortal): Promise<Reply>
  /** As the administrator, to the end: the portal knows the application as installed, and so do we. */
  install(portal?: EmulatedPortal): Promise<void>
  /** The session of a page that a person opens. */
  session(wish?: Partial<OpeningWish>, portal?: EmulatedPortal): Promise<string>
  api(session: string, path: string, request?: Request): Promise<Reply>
  startRun(session: string, body: object): Promise<Reply>
  /** The final snapshot. */
  ended(session: string, runId: string): Promise<RunSnapshot>
}

/** Migrations, done or found done. */
const TRANSACTIONS_OF_START = 1

const killingAt = ({ nth, side }: Transaction): string =>
  `${import.meta.resolve('../../chaos/kill-switch.mjs')}?at=${TRANSACTIONS_OF_START + nth}&side=${side}`

/** Portals and an application that is registered there; no server yet. */
export const openRealApp = async (options: RealAppOptions = {}): Promise<RealApp> => {
  const authorization = await createAuthorizationServer()
  const portals = await Promise.all(
    Array.from({ length: options.portals ?? 1 }, () =>
      createEmulatedPortal({ bucket: { on: false }, operating: { on: false }, authorization, ...options.portal })
    )
  )
  const [portal] = portals
  if (portal === undefined) throw new RangeError('At least one portal')
  const front = await openFront()
  const { origin } = front
  const register = (at = portal): void => {
    at.registerApplication({
      ...KEYS,
      handlerUrl: `${origin}/placement`,
      ...(options.installPath === false ? {} : { installUrl: `${origin}/install` }),
      title: { ru: 'BitrixCorp', en: 'BitrixCorp' },
      scope: ['crm', 'placement', 'user_brief']
    })
  }
  for (const each of portals) register(each)
  const dataDir = freshDir()
  let settings: Settings = {
    ...{ PORT: '0', DATA_DIR: dataDir, APP_SECRET, PUBLIC_URL: origin, LOG_LEVEL: 'silent' },
    ...{ BITRIX_CLIENT_ID: KEYS.clientId, BITRIX_CLIENT_SECRET: KEYS.clientSecret },
    ...{ BITRIX_OAUTH_URLS: authorization.origin, BITRIX_PORTAL_HOSTS: portals.map(({ host }) => host).join() },
    ...{ BITRIX_RATE: '1000', BITRIX_BURST: '1000', BITRIX_REQUEST_SECONDS: '2' },
    ...options.settings
  }

  let close: (() => Promise<void>) | undefined
  let child: ServerProcess | undefined
  const stop = async (): Promise<void> => {
    front.to(undefined)
    await close?.()
    close = undefined
  }
  onTestFinished(async () => {
    await stop()
    await Promise.all(portals.map(each => each.close()))
    await authorization.close()
  })

  const send: RealApp['send'] = async (path, { method = 'GET', headers = {}, body } = {}) => {
    // Not fetch: its pool may hold a connection to a server that is gone.
    const request = httpRequest(`${origin}${path}`, { method, headers, agent: false })
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const reply = await text(response)
    const types = response.headers['content-type'] ?? ''
    return {
      status: response.statusCode ?? 0,
      headers: new Headers(
        Object.entries(response.headersDistinct).map(([name, values = []]) => [name, values.join()])
      ),
      text: reply,
      body: types.includes('json') && reply !== '' ? JSON.parse(reply) : undefined
    }
  }
  const post: RealApp['post'] = (path, wish = {}, at = portal) => {
    const { url, body } = at.open({ clientId: KEYS.clientId, ...wish })
    const headers = { accept: 'text/html', origin: at.origin, 'content-type': 'application/x-www-form-urlencoded' }
    return send(`${path}${new URL(url).search}`, { method: 'POST', body, headers })
  }
  const api: RealApp['api'] = (session, path, request = {}) =>
    send(path, { ...request, headers: { authorization: `Bearer ${session}`, ...request.headers } })

  return {
    ...{ origin, authorization, portals, portal, register, stop, send, post, api },
    async start(more = {}) {
      settings = { ...settings, ...more }
      const server = await startServer(readConfig(settings), createLog('silent'))
      close = server.close
      front.to(server.origin)
    },
    async startProcess(transaction) {
      const preload = transaction === undefined ? {} : { NODE_OPTIONS: `--import ${killingAt(transaction)}` }
      child = startServerProcess({ ...settings, ...preload })
      close = child.stop
      front.to(await child.ready)
    },
    kill: () => child?.signal('SIGKILL'),
    async died() {
      await child?.exited
      await stop()
    },
    async stored(look) {
      const db = await openDatabase({ dataDir })
      return look(createInstallations(db, createVault(APP_SECRET)), db).finally(() => db.destroy())
    },
    async install(at = portal) {
      const reply = await post('/install', {}, at)
      if (reply.status !== 200) throw new Error(`Not installed: ${reply.status} ${reply.text}`)
      at.applications.finishInstall(KEYS.clientId)
      await at.eventsSettled()
    },
    async session(wish = {}, at = portal) {
      return stateOf(await post('/placement', wish, at)).session
    },
    startRun: (session, body) =>
      api(session, '/api/runs', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body)
      }),
    async ended(session, runId) {
      await api(session, `/api/runs/${runId}/progress`)
      return (await api(session, `/api/runs/${runId}`)).body
    }
  }
}
