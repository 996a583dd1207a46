// A Bitrix24 portal's double: its own Koa app on its own origin, with everything that a test or a demo wants to turn.
// Must stay true: knows nothing of the app; closing it drops every connection and timer at once.
import { createHash } from 'node:crypto'
import Koa from 'koa'
import { createAuthorizationServer } from './authorization-server.ts'
import { PEOPLE } from './credentials.ts'
import { desktopHandler } from './desktop.ts'
import { htmlAnswer } from './execute.ts'
import { createFaults } from './faults.ts'
import { createOperatingTime, createRequestBucket } from './limits.ts'
import { listen, reportFaults } from './listener.ts'
import { crmMethods } from './methods/crm.ts'
import { eventMethods } from './methods/event.ts'
import { optionMethods } from './methods/options.ts'
import { placementMethods } from './methods/placement.ts'
import { systemMethods } from './methods/system.ts'
import type { EmulatedPortal, EmulatedPortalOptions } from './portal-api.ts'
import { applicationDoors, createApplicationParts } from './portal-applications.ts'
import type { PortalParts, PortalStats } from './portal-parts.ts'
import { restHandler } from './rest.ts'
import { changeSettings, settingsOfPlan } from './settings.ts'
import { createPortalState } from './state.ts'
import { createWorkers, type Execution } from './workers.ts'

export type { EmulatedPortal, EmulatedPortalOptions } from './portal-api.ts'

const ALL_SCOPES = ['crm', 'placement', 'user', 'user_brief']

/** Starts a portal; resolves when it listens. */
export async function createEmulatedPortal(options: EmulatedPortalOptions = {}): Promise<EmulatedPortal> {
  const { port: wantedPort = 0, host = '127.0.0.1', plan = 'standard', people = PEOPLE, seed, ...more } = options
  const { state: stateOptions, methods: moreMethods = [], ...settled } = more
  const { authorization: given, authorizationPort = 0, memberId: givenMemberId, ...change } = settled
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
  const authorization = given ?? (await createAuthorizationServer({ host, port: authorizationPort }))
  const parts = createApplicationParts({
    settings,
    people,
    clock,
    endpoints: () => ({
      domain: address.host,
      server_endpoint: `${authorization.origin}/rest/`,
      client_endpoint: `${address.origin}/rest/`,
      member_id: memberId
    })
  })
  const { credentials, delivery, events, placements, administrator, applications } = parts
  const detach = authorization.attach(credentials)
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
    [
      ...systemMethods(plan, applications),
      ...optionMethods(applications, plan),
      ...placementMethods(placements),
      ...eventMethods(events),
      ...crmMethods,
      ...moreMethods
    ].map(method => [method.name.toLowerCase(), method])
  )

  const stopWork = () => {
    for (const execution of executions) execution.stop()
    workers.restart()
    for (const listener of listeners) listener.dropConnections()
  }
  const restart = (downMs = 0) => {
    stopWork()
    if (downMs > 0) for (const listener of listeners) listener.goAway(downMs)
  }
  const rest: PortalParts = {
    ...{ state, methods, settings, bucket, operating, workers, executions, faults, credentials, stats, clock, restart }
  }

  const app = new Koa()
  reportFaults(app)
  app.use(restHandler(rest))
  app.use(desktopHandler({ ...parts, state, settings, people }))
  app.use(async function notFound(ctx) {
    const page = htmlAnswer(404)
    ctx.status = page.status
    ctx.type = page.type
    ctx.body = page.body
  })
  const ownAuthorization = given === undefined ? authorization : undefined
  let address = await listen(app.callback(), { host, port: wantedPort }).catch(async (cause: unknown) => {
    await ownAuthorization?.close()
    throw cause
  })
  const listeners = [address]
  const memberId = givenMemberId ?? createHash('md5').update(address.origin).digest('hex')

  const basic = applications.register({
    handlerUrl: 'https://app.example/',
    title: { ru: 'Без страниц', en: 'Without pages' },
    scope: ALL_SCOPES,
    scriptOnly: true
  })
  const webhook = (person: number, scope: readonly string[]) =>
    `rest/${person}/${credentials.addWebhook(person, scope)}/`
  const firstWebhook = webhook(administrator, ALL_SCOPES)

  return {
    get origin() {
      return address.origin
    },
    get host() {
      return address.host
    },
    get port() {
      return address.port
    },
    memberId,
    authorization,
    get webhookUrl() {
      return `${address.origin}/${firstWebhook}`
    },
    webhook: ({ scope = ['crm'], person = 1 } = {}) => `${address.origin}/${webhook(person, scope)}`,
    removeWebhook: url => credentials.removeWebhook(new URL(url).pathname.split('/')[3] ?? ''),
    credentials: {
      clientId: basic.clientId,
      clientSecret: basic.clientSecret,
      applicationToken: basic.applicationToken,
      memberId,
      issueTokens: (person = 1) => credentials.issueTokens(basic, person),
      expireToken: credentials.expireToken,
      revokeTokens: () => credentials.revokeTokens(basic)
    },
    ...applicationDoors(parts),
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
    async rename() {
      address = await listen(app.callback(), { host, port: 0 })
      listeners.push(address)
      settings.movedTo = address.origin
    },
    async close() {
      delivery.close()
      const closed = Promise.all(listeners.map(listener => listener.close()))
      stopWork()
      detach()
      await closed
      await ownAuthorization?.close()
    }
  }
}
