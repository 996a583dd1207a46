// A Bitrix24 portal's double: its own Koa app on its own origin, with everything that a test or a demo wants to turn.
// Must stay true: knows nothing of the app; closing it drops every connection and timer at once.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { createCredentials, PEOPLE, type TokenSet } from './credentials.ts'
import { htmlAnswer } from './execute.ts'
import { createFaults, type Faults } from './faults.ts'
import { createOperatingTime, createRequestBucket } from './limits.ts'
import type { Method, Person } from './method.ts'
import { crmMethods } from './methods/crm.ts'
import { systemMethods } from './methods/system.ts'
import type { PortalParts, PortalStats } from './portal-parts.ts'
import { restHandler } from './rest.ts'
import type { SeedOptions } from './seed.ts'
import { changeSettings, type Plan, type SettingsChange, settingsOfPlan } from './settings.ts'
import { createPortalState, type PortalState, type PortalStateOptions } from './state.ts'
import { createWorkers, type Execution } from './workers.ts'

export interface EmulatedPortalOptions extends SettingsChange {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default standard. */
  readonly plan?: Plan
  /** Records that are there from the start. */
  readonly seed?: SeedOptions
  readonly state?: PortalStateOptions
  /** Default: 1 an administrator, 2 an ordinary user, 3 a user without CRM rights. */
  readonly people?: readonly Person[]
  /** Further methods, for tests. */
  readonly methods?: readonly Method[]
}

export interface EmulatedPortal {
  readonly origin: string
  readonly host: string
  readonly port: number
  /** `<origin>/rest/1/<secret>/` with every scope. */
  readonly webhookUrl: string
  /** Another incoming webhook; by default person 1 with the scope crm. */
  webhook(options?: { readonly scope?: readonly string[]; readonly person?: number }): string
  /** Takes a webhook back: calls get 401 INVALID_CREDENTIALS. */
  removeWebhook(url: string): void
  readonly credentials: PortalCredentials
  readonly faults: Faults
  readonly state: PortalState
  readonly stats: PortalStats
  /** Changes speed, limits and switches from the next request on. @throws {RangeError} */
  configure(change: SettingsChange): void
  /** Empties the request bucket and the operating time. */
  resetLimits(): void
  /** Drops connections, the queue and all work; data stay. For `downMs` (default 0) connections are refused. */
  restart(downMs?: number): void
  close(): Promise<void>
}

/** The registered application and its grants. */
interface PortalCredentials {
  readonly clientId: string
  readonly clientSecret: string
  readonly memberId: string
  /** A new grant for a person (default 1), as the token endpoint answers it. */
  issueTokens(person?: number): TokenSet
  /** Lets an access token expire now. */
  expireToken(accessToken: string): void
  /** Takes every grant back. */
  revokeTokens(): void
}

const ALL_SCOPES = ['crm', 'placement', 'user', 'user_brief']

/** Starts a portal; resolves when it listens. */
export async function createEmulatedPortal(options: EmulatedPortalOptions = {}): Promise<EmulatedPortal> {
  const { port: wantedPort = 0, host = '127.0.0.1', plan = 'standard', people = PEOPLE, seed, ...rest } = options
  const { state: stateOptions, methods: moreMethods = [], ...change } = rest
  const settings = settingsOfPlan(plan)
  changeSettings(settings, change)

  // performance.now() gives the fractions that `time` blocks have.
  const clock = () => performance.timeOrigin + performance.now()
  const state = createPortalState(stateOptions)
  if (seed !== undefined) state.seed(seed)
  const bucket = createRequestBucket(() => settings.bucket)
  const operating = createOperatingTime(() => settings.operating)
  const workers = createWorkers(() => settings.speed.workers)
  const executions = new Set<Execution>()
  const faults = createFaults()
  const memberId = '1a2b3c4d5e6f708192a3b4c5d6e7f809'
  const tokenSeconds = () => settings.tokenSeconds
  const credentials = createCredentials({ people, memberId, tokenSeconds, origin: () => origin, clock })
  const stats: PortalStats = {
    requests: 0,
    batches: 0,
    commands: {},
    limited: {},
    answers: {},
    get maxBucketLevel() {
      return bucket.maxLevel
    },
    get maxBusyWorkers() {
      return workers.maxBusy
    }
  }
  const methods = new Map(
    [...systemMethods(plan), ...crmMethods, ...moreMethods].map(method => [method.name.toLowerCase(), method])
  )

  const stopWork = () => {
    for (const execution of executions) execution.stop()
    workers.restart()
    server.closeAllConnections()
  }
  let comeBack: NodeJS.Timeout | undefined
  const restart = (downMs = 0) => {
    stopWork()
    if (downMs <= 0) return
    clearTimeout(comeBack)
    server.close()
    comeBack = setTimeout(() => server.listen(port, host), downMs)
  }
  const parts: PortalParts = {
    ...{ state, methods, settings, bucket, operating, workers, executions, faults, credentials, stats, clock, restart }
  }

  const app = new Koa()
  app.on('error', (error: NodeJS.ErrnoException) => {
    // Clients that hang up are part of the game; anything else is a fault of the emulator.
    if (!['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code ?? '')) {
      console.error(error)
    }
  })
  app.use(restHandler(parts))
  app.use(async function notFound(ctx) {
    const page = htmlAnswer(404)
    ctx.status = page.status
    ctx.type = page.type
    ctx.body = page.body
  })
  // Fronts of real portals keep idle connections for longer than Node's 5 seconds.
  const server = createServer({ keepAliveTimeout: 75_000 }, app.callback())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wantedPort, host, resolve)
  })
  const { port } = server.address() as AddressInfo // listening on TCP: never a pipe's name
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`

  const application = credentials.addApplication(ALL_SCOPES)
  const webhook: EmulatedPortal['webhook'] = ({ scope = ['crm'], person = 1 } = {}) =>
    `${origin}/rest/${person}/${credentials.addWebhook(person, scope)}/`

  return {
    origin,
    host: new URL(origin).host,
    port,
    webhookUrl: webhook({ scope: ALL_SCOPES }),
    webhook,
    removeWebhook: url => credentials.removeWebhook(new URL(url).pathname.split('/')[3] ?? ''),
    credentials: {
      clientId: application.clientId,
      clientSecret: application.clientSecret,
      memberId,
      issueTokens: (person = 1) => credentials.issueTokens(application, person),
      expireToken: credentials.expireToken,
      revokeTokens: () => credentials.revokeTokens(application)
    },
    faults,
    state,
    stats,
    configure(wanted) {
      changeSettings(settings, wanted)
      workers.wake()
    },
    resetLimits() {
      bucket.reset()
      operating.reset()
    },
    restart,
    async close() {
      clearTimeout(comeBack)
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      stopWork()
      await closed
    }
  }
}
