// Composition root: config → portal → store → runs → app → listen; recovery; clean stop.
// Must stay true: the only module (with main.ts) that knows all others; everything that it opens it closes.
import { randomBytes, randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EmulatedPortal } from '../emulator/emulated-portal.ts'
import { createApp } from './app.ts'
import { ATTEMPT_MS } from './bitrix24/agents.ts'
import { openApplication } from './bitrix24/application-parts.ts'
import { createWebhookClient } from './bitrix24/client.ts'
import { createRestPortal } from './bitrix24/rest-portal.ts'
import type { Config } from './config.ts'
import { type Channel, createChannel } from './core/channel.ts'
import { deferred } from './core/deferred.ts'
import { AppError, STORAGE_GONE } from './core/errors.ts'
import { readRecords } from './core/records.ts'
import { createKeeping } from './core/run/keeping.ts'
import type { RunRecord } from './core/run/run.ts'
import { createRuns } from './core/run/runs.ts'
import { shareReads } from './core/shared-reads.ts'
import { createPace, type Pace } from './core/speed/pace.ts'
import { type Webhook, webhookUrlSchema } from './core/webhook-url.ts'
import { type ApplicationKeys, DEMO_MARK, openDemoPortal, registerOnDemo } from './demo.ts'
import { loadAssets } from './http/assets.ts'
import { warnOfOpenPage } from './http/guard.ts'
import { createSessions } from './http/session.ts'
import type { ApplicationDoor } from './http/site.ts'
import { loadTranslations } from './http/translate.ts'
import { answerUnreadable } from './http/unreadable.ts'
import type { Log } from './log.ts'
import { createArchive } from './store/archive.ts'
import { openDatabase, type Storage, watchFiles } from './store/database.ts'
import { forgetPortals } from './store/forget-portals.ts'
import { createInstallations } from './store/installations.ts'
import { createJournal } from './store/journal.ts'
import { createLastingPortal } from './store/lasting-portal.ts'
import { createLeases } from './store/leases.ts'
import { loadAppSecret } from './store/secrets.ts'
import { createVault } from './store/vault.ts'
import { systemClock } from './system-clock.ts'
import { isAlive, newOwner } from './this-process.ts'

/** A lease lives this long without being renewed. */
const LEASE_MS = 15_000
/** How often runs of dead processes are looked for. */
const RECOVER_EVERY_MS = 5000
/** Longer than the 60 s of balancers and proxies: one that sends on a connection which we are closing answers 502. */
const KEEP_ALIVE_MS = 70_000
/** How often it is looked what can be compacted or removed. Whoever reads a journal has so long to come to its end. */
const KEEP_EVERY_MS = 600_000
/** Visitors have this long to take what is left for them when the server stops. */
const GRACE_MS = 500

export interface RunningServer {
  readonly origin: string
  /** The portal in this process, where nothing is configured. */
  readonly emulated: EmulatedPortal | undefined
  /** Resolves, with what to tell of it, when the storage is not in its place any more: nothing can go on. */
  readonly lost: Promise<Error>
  /** Lets batches in flight settle, ends all streams, closes everything. */
  close(): Promise<void>
}

/** The nearest folder upwards with a package.json: sources and dist/ share views, locales and the page's build. */
const projectRoot = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error('BitrixCorp is not in its folder: package.json is missing')
    folder = dirname(folder)
  }
  return folder
}

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz'

/** Sorts by time; 16 letters and digits. */
const newRunId = (): string => {
  const time = Date.now().toString(32).padStart(9, '0')
  return `${time}${Array.from(randomBytes(8), byte => BASE32[byte % 32]).join('')}`
}

/** The same bucket with operating times of its own. */
const withOwnBudgets = (bucket: Pace, { operating, park, parkedUntil, budget, probing }: Pace): Pace => ({
  ...bucket,
  ...{ operating, park, parkedUntil, budget, probing }
})

/** Does it again and again, once at a time. `first`: what is under way already. @returns stops it, and resolves when nothing of it is under way any more */
const repeat = (everyMs: number, work: () => Promise<void>, first = Promise.resolve()): (() => Promise<void>) => {
  let working: Promise<void> | undefined
  const follow = (begun: Promise<void>): void => {
    working = begun.finally(() => {
      working = undefined
    })
  }
  follow(first)
  const timer = setInterval(() => {
    if (working === undefined) follow(work())
  }, everyMs)
  return async () => {
    clearInterval(timer)
    await working
  }
}

const listen = async (server: Server, port: number, host: string): Promise<string> => {
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      done()
    })
  })
  const { address, port: bound, family } = server.address() as AddressInfo // TCP
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
}

/** The configured local application, or the demo's. `ownUrl`: where this machine reaches us. */
const applicationOf = (
  { application, oauthUrls, portalHosts, publicUrl }: Config,
  emulated: EmulatedPortal | undefined,
  ownUrl: string
): ApplicationKeys | undefined => {
  if (application !== undefined && publicUrl !== undefined) return { ...application, oauthUrls, portalHosts, publicUrl }
  return emulated === undefined ? undefined : registerOnDemo(emulated, ownUrl)
}

/** Starts everything; resolves when the server answers. @throws {StorageUnusable} and errors of listening */
export const startServer = async (config: Config, log: Log): Promise<RunningServer> => {
  const root = projectRoot()
  /** Nothing waits for the storage any more. */
  const stopping = new AbortController()
  /** Nothing waits for a run any more. */
  const closing = new AbortController()
  // The agents have it themselves; this is for `fetch`, which asks the authorization servers.
  setDefaultAutoSelectFamilyAttemptTimeout(ATTEMPT_MS)
  const undo: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    stopping.abort()
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const storage: Storage =
      config.databaseUrl === undefined
        ? { dataDir: resolve(config.dataDir) }
        : { databaseUrl: config.databaseUrl.reveal(), pool: config.databasePool }
    const warnings = new Set<string>()
    const warn = (message: string): void => {
      if (!warnings.has(message)) log.warn(message)
      warnings.add(message)
    }
    const db = await openDatabase(storage, warn)
    undo.push(() => db.destroy())
    const demandFiles = watchFiles(storage)
    const lost = deferred<Error>()

    const { standalone } = config
    const emulated = standalone.mode === 'emulated' ? await openDemoPortal() : undefined
    if (emulated !== undefined) undo.push(() => emulated.close())
    const leases = createLeases(db, { owner: newOwner(), ttl: LEASE_MS, isAlive })
    if (emulated !== undefined) await forgetPortals(db, leases, { mark: DEMO_MARK, current: emulated.memberId })
    const newPace = () => createPace({ ...config, random: Math.random })
    const clientOptions = { requestSeconds: config.requestSeconds, now: systemClock.steady }
    const openStandalone = (mode: 'webhook' | 'emulated', webhook: Webhook) => {
      const client = createWebhookClient(webhook, clientOptions)
      undo.push(() => client.close())
      const id = emulated?.memberId ?? webhook.host
      const lasting = createLastingPortal(db, leases, createRestPortal({ id, host: webhook.host, client }))
      return { ...lasting, mode, channel: createChannel(lasting.portal, newPace(), systemClock) }
    }
    const site =
      standalone.mode === 'off'
        ? undefined
        : openStandalone(
            standalone.mode,
            standalone.mode === 'webhook' ? standalone.webhook : webhookUrlSchema.parse(emulated?.webhookUrl)
          )
    /** One bucket for webhook and application; operating time is counted for each of them (protocol.md, 3). */
    const paceAt = (host: string): Pace =>
      site?.channel.portal.host === host ? withOwnBudgets(site.channel.pace, newPace()) : newPace()

    const journal = createJournal(db, error => log.error({ err: error }, 'a run is left as it is'), stopping.signal)
    const runs = createRuns({
      journal,
      leases: site?.leases ?? leases,
      clock: systemClock,
      random: Math.random,
      newId: newRunId,
      requestSeconds: config.requestSeconds,
      autoResume: config.autoResume,
      onCrash: error => log.error({ err: error }, 'run failed inside'),
      onRun({ id, kind, status, portal, total, done, failed, failure }) {
        const level = status === 'failed' ? 'warn' : 'info'
        log[level]({ run: id, kind, status, portal, total, done, failed, failure }, `run is ${status}`)
      }
    })

    // Listens before the rest stands: the emulated portal wants to know the address of the application.
    let answer: RequestListener = (_, response) => {
      response
        .writeHead(503, { 'Retry-After': '1', 'Content-Type': 'application/json' })
        .end('{"error":"STARTING","error_description":"The server is starting. Try again in a second."}')
    }
    const server = createServer((request, response) => answer(request, response)).on('clientError', answerUnreadable)
    server.keepAliveTimeout = KEEP_ALIVE_MS
    // Older versions of Node count it from the request before.
    server.headersTimeout = KEEP_ALIVE_MS + 10_000
    const origin = await listen(server, config.port, config.host)
    undo.push(() => {
      server.close()
    })

    let door: ApplicationDoor | undefined
    const keys = applicationOf(config, emulated, `http://127.0.0.1:${new URL(origin).port}`)
    if (keys !== undefined) {
      const appSecret = await loadAppSecret({
        dataDir: resolve(config.dataDir),
        configured: config.appSecret?.reveal(),
        warn
      })
      const application = openApplication({
        ...keys,
        ...{ store: createInstallations(db, createVault(appSecret)), leases, runs, client: clientOptions },
        ...{ newPace: paceAt, clock: systemClock, fetch },
        onTrouble: (error, what) => log.warn({ err: error }, `${what} did not work`)
      })
      undo.push(() => application.close())
      door = { application, sessions: createSessions(appSecret, Date.now) }
    }

    const app = createApp({
      log,
      runs,
      site,
      door,
      readRecords: shareReads(readRecords, systemClock),
      assets: loadAssets(join(root, 'dist', 'placement')),
      translations: loadTranslations(join(root, 'locales')),
      viewsDir: join(root, 'views'),
      standaloneSecret: config.standaloneSecret,
      host: config.host,
      publicUrl: config.publicUrl,
      newSeed: () => randomInt(2 ** 32),
      closing: closing.signal
    })
    answer = app.callback()
    undo.push(async () => {
      const closed = new Promise<void>(done => server.close(() => done()))
      server.closeIdleConnections()
      await runs.stop()
      // Streams end with their runs; whoever waits for one that goes on after the next start is told so, and then cut off.
      const late = [
        setTimeout(() => closing.abort(), GRACE_MS),
        setTimeout(() => server.closeAllConnections(), 2 * GRACE_MS)
      ]
      await closed
      late.forEach(clearTimeout)
    })

    const channelOf = async (record: RunRecord): Promise<Channel | undefined> => {
      if (record.startedBy.userId !== null) return door?.application.channelOfRun(record)
      return record.portalId === site?.channel.portal.id ? site.channel : undefined
    }
    const recover = async (): Promise<void> => {
      try {
        demandFiles()
        await site?.settle()
        await runs.recover(channelOf)
      } catch (error) {
        if (error instanceof AppError && error.code === STORAGE_GONE) lost.resolve(error)
        else log.error({ err: error }, 'recovery failed')
      }
    }
    await recover()
    undo.push(repeat(RECOVER_EVERY_MS, recover))
    const sweep = createKeeping({
      archive: createArchive(db),
      journal,
      clock: systemClock,
      days: config.keepRunsDays,
      onDamaged: error => log.error({ err: error }, 'a journal is left as it is')
    })
    const over = new AbortController()
    const keep = async (): Promise<void> => {
      try {
        const swept = await sweep(over.signal)
        if (swept.compacted + swept.removed > 0) log.info(swept, 'runs that ended some time ago were tidied up')
      } catch (error) {
        log.warn({ err: error }, 'runs that ended some time ago are left for now')
      }
    }
    undo.push(repeat(KEEP_EVERY_MS, keep, keep()), () => over.abort())
    const warning = standalone.mode === 'webhook' && warnOfOpenPage(config.standaloneSecret, config.publicUrl)
    if (warning) log.warn(warning)
    for (const each of config.warnings) log.warn(each)
    log.info({ origin, portal: site?.channel.portal.host, mode: standalone.mode }, 'BitrixCorp is ready')
    return { origin, emulated, lost: lost.promise, close }
  } catch (error) {
    await close()
    throw error
  }
}
