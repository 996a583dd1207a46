// The Koa application: the order of its middleware is the story of a request.
// Must stay true: everything that a request meets stands here, in order.
import Router from '@koa/router'
import Koa from 'koa'
import helmet from 'koa-helmet'
import { applicationOff, methodNotAllowed } from './core/errors.ts'
import type { Runs } from './core/run/runs.ts'
import type { ReadRecords } from './core/shared-reads.ts'
import type { Assets } from './http/assets.ts'
import { readBodies } from './http/body.ts'
import { answerErrors } from './http/errors.ts'
import { eventsRoutes } from './http/events.ts'
import { refuseChangesByOtherSites, refuseReadsByOtherSites, type Secret } from './http/guard.ts'
import { serveOwnHosts } from './http/hosts.ts'
import { installRoutes } from './http/install.ts'
import { placementRoutes } from './http/placement.ts'
import { unframed } from './http/policy.ts'
import { recordsRoutes } from './http/records.ts'
import { logRefusals } from './http/refusals.ts'
import { runsRoutes } from './http/runs.ts'
import { createSecretGate } from './http/secret-gate.ts'
import { type ApplicationDoor, createSites, endLostSessions, type StandaloneSite } from './http/site.ts'
import { standaloneRoutes } from './http/standalone.ts'
import type { Translations } from './http/translate.ts'
import { createViews } from './http/views.ts'
import type { Log } from './log.ts'

export interface AppDeps {
  readonly log: Log
  readonly runs: Runs
  /** Undefined: the standalone routes are off. */
  readonly site: StandaloneSite | undefined
  /** Undefined: no keys of a local application are configured. */
  readonly door?: ApplicationDoor | undefined
  readonly readRecords: ReadRecords
  readonly assets: Assets
  readonly translations: Translations
  readonly viewsDir: string
  readonly standaloneSecret: Secret | undefined
  /** Where the app listens, as HOST says; default 127.0.0.1. */
  readonly host?: string
  readonly publicUrl: string | undefined
  readonly newSeed: () => number
  /** Aborts when the server stops: streams end. */
  readonly closing: AbortSignal
}

const securityHeaders = () =>
  helmet({
    // Set below: pages in a portal's frame have their own.
    contentSecurityPolicy: false,
    // frame-ancestors says it, and in a portal's frame X-Frame-Options could not.
    frameguard: false,
    // The app itself speaks http behind a proxy; transport security is the proxy's word.
    strictTransportSecurity: false,
    referrerPolicy: { policy: 'no-referrer' }
  })

/** What holds where a route says nothing else: in no frame, in no cache. */
const keepToItself = async (ctx: Koa.Context, next: Koa.Next): Promise<void> => {
  ctx.set('Content-Security-Policy', unframed)
  await next()
  if (!ctx.res.hasHeader('Cache-Control')) ctx.set('Cache-Control', 'no-store')
}

/** `ERR_STREAM_PREMATURE_CLOSE` and the like: a visitor left. Not an error of ours. */
const visitorLeft = (error: NodeJS.ErrnoException): boolean =>
  ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')

export const createApp = (deps: AppDeps): Koa => {
  const { log, translations, host = '127.0.0.1', publicUrl } = deps
  const views = createViews(deps.viewsDir, translations, deps.assets)
  const app = new Koa()
  app.on('error', error => {
    if (!visitorLeft(error)) log.error({ err: error }, 'response failed')
  })

  const router = new Router()
  router.get('/health', ctx => {
    ctx.body = { status: 'ok' }
  })
  deps.assets.routes(router)
  const gate = createSecretGate({ secret: deps.standaloneSecret, log, now: Date.now })
  const sites = createSites({ site: deps.site, gate, door: deps.door })
  standaloneRoutes(router, {
    ...deps,
    sites,
    gate,
    standalone: deps.site !== undefined,
    views
  })
  if (deps.door !== undefined) {
    const doorDeps = { ...deps, door: deps.door, views }
    installRoutes(router, doorDeps)
    placementRoutes(router, doorDeps)
    eventsRoutes(router, doorDeps)
  } else {
    router.all(['/install', '/placement', '/events'], () => {
      throw applicationOff()
    })
  }
  runsRoutes(router, { ...deps, siteOf: sites.of })
  recordsRoutes(router, sites.of, deps.readRecords)

  app.use(securityHeaders())
  app.use(keepToItself)
  app.use(answerErrors(log, translations, views))
  app.use(logRefusals(log, publicUrl))
  app.use(serveOwnHosts({ host, publicUrl }))
  app.use(refuseChangesByOtherSites(publicUrl))
  app.use(refuseReadsByOtherSites(publicUrl))
  app.use(readBodies())
  app.use(endLostSessions(deps.door))
  app.use(router.routes())
  app.use(async function refuseOtherMethods(ctx, next) {
    const matched = router.match(ctx.path, ctx.method).path
    const allowed = [...new Set(matched.flatMap(({ methods }) => methods))].filter(method => method !== 'HEAD')
    if (allowed.length > 0 && ctx.body === undefined) {
      ctx.set('Allow', allowed.join(', '))
      throw methodNotAllowed(allowed.join(', '))
    }
    await next()
  })
  return app
}
