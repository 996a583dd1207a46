// Composition root: config → portal → store → runs → app → listen; recovery; clean stop.
// Must stay true: the only module (with main.ts) that knows all others; everything that it opens it closes.
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEmulatedPortal, type EmulatedPortal } from '../emulator/emulated-portal.ts'
import { createApp } from './app.ts'
import { createWebhookClient } from './bitrix24/client.ts'
import { createRestPortal } from './bitrix24/rest-portal.ts'
import type { Config } from './config.ts'
import { createChannel } from './core/channel.ts'
import { createPace } from './core/pace.ts'
import { answerSlackSeconds } from './core/portal.ts'
import { readRecords } from './core/records.ts'
import { createRuns } from './core/runs.ts'
import { type Webhook, webhookUrlSchema } from './core/webhook-url.ts'
import { loadAssets } from './http/assets.ts'
import { loadTranslations } from './http/translate.ts'
import type { Log } from './log.ts'
import { openDatabase } from './store/database.ts'
import { createJournal } from './store/journal.ts'
import { createLeases } from './store/leases.ts'
import { systemClock } from './system-clock.ts'

/** A lease lives this long without being renewed. */
const LEASE_MS = 15_000
/** How often runs of dead processes are looked for. */
const RECOVER_EVERY_MS = 5000

/** The portal in this process works at an unhurried pace, so that a newcomer sees what happens. */
const DEMO_SPEED = { latencyMs: 20, commandMs: 60, workers: 6 }

export interface RunningServer {
  readonly origin: string
  /** The portal in this process, where nothing is configured. */
  readonly emulated: EmulatedPortal | undefined
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

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz'

/** Sorts by time; 16 letters and digits. */
const newRunId = (): string => {
  const time = Date.now().toString(32).padStart(9, '0')
  return `${time}${Array.from(randomBytes(8), byte => BASE32[byte % 32]).join('')}`
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

/** Starts everything; resolves when the server answers. @throws {StorageUnusable} and errors of listening */
export const startServer = async (config: Config, log: Log): Promise<RunningServer> => {
  const root = projectRoot()
  const closing = new AbortController()
  const undo: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const db = await openDatabase(
      config.databaseUrl === undefined
        ? { dataDir: resolve(config.dataDir) }
        : { databaseUrl: config.databaseUrl.reveal() }
    )
    undo.push(() => db.destroy())

    const { standalone } = config
    const emulated = standalone.mode === 'emulated' ? await createEmulatedPortal({ speed: DEMO_SPEED }) : undefined
    if (emulated !== undefined) undo.push(() => emulated.close())
    const webhook: Webhook =
      standalone.mode === 'webhook' ? standalone.webhook : webhookUrlSchema.parse(emulated?.webhookUrl)
    const client = createWebhookClient(webhook, {
      requestSeconds: config.requestSeconds,
      graceSeconds: answerSlackSeconds(config.requestSeconds)
    })
    undo.push(() => client.close())
    // The emulated portal has a new port at every start; its history is one.
    const portal = createRestPortal({
      id: emulated === undefined ? webhook.host : 'emulated',
      host: webhook.host,
      client
    })
    const pace = createPace({ ...config, random: Math.random })
    const channel = createChannel(portal, pace, systemClock)

    const runs = createRuns({
      journal: createJournal(db),
      leases: createLeases(db, {
        owner: `${hostname()}:${process.pid}:${randomUUID()}`,
        ttl: LEASE_MS,
        now: Date.now,
        isAlive
      }),
      clock: systemClock,
      random: Math.random,
      newId: newRunId,
      requestSeconds: config.requestSeconds,
      autoResume: config.autoResume,
      onCrash: error => log.error({ err: error }, 'run failed inside')
    })

    const app = createApp({
      log,
      runs,
      site: { channel, mode: standalone.mode },
      readRecords,
      assets: loadAssets(join(root, 'dist', 'placement')),
      translations: loadTranslations(join(root, 'locales')),
      viewsDir: join(root, 'views'),
      standaloneSecret: config.standaloneSecret,
      publicUrl: config.publicUrl,
      newSeed: () => randomInt(2 ** 32),
      closing: closing.signal
    })
    const server = createServer(app.callback())
    const origin = await listen(server, config.port, config.host)
    undo.push(async () => {
      const closed = new Promise<void>(done => server.close(() => done()))
      server.closeIdleConnections()
      await runs.stop()
      // Streams end with their runs; whoever is still there after a second is cut off.
      const late = setTimeout(() => {
        closing.abort()
        server.closeAllConnections()
      }, 1000)
      await closed
      clearTimeout(late)
    })

    const recover = async (): Promise<void> => {
      await runs
        .recover(async record => (record.portalId === portal.id ? channel : undefined))
        .catch(error => log.error({ err: error }, 'recovery failed'))
    }
    await recover()
    const recovering = setInterval(recover, RECOVER_EVERY_MS)
    undo.push(() => clearInterval(recovering))
    log.info({ origin, portal: portal.host, mode: standalone.mode }, 'BitrixCorp is ready')
    return { origin, emulated, close }
  } catch (error) {
    await close()
    throw error
  }
}
