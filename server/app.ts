// The Koa application: the order of its middleware is the story of a request.
// Must stay true: everything that a request meets stands here, in order.
import Router from '@koa/router'
import Koa from 'koa'
import helmet from 'koa-helmet'
import { methodNotAllowed } from './core/errors.ts'
import type { Runs } from './core/runs.ts'
import type { Assets } from './http/assets.ts'
import { readBodies } from './http/body.ts'
import { answerErrors } from './http/errors.ts'
import { refuseChangesByOtherSites, requireSecret, type Secret, serveOwnHosts } from './http/guard.ts'
import type { ReadRecords } from './http/page-data.ts'
import { recordsRoutes } from './http/records.ts'
import { runsRoutes } from './http/runs.ts'
import type { Site } from './http/site.ts'
import { standaloneRoutes } from './http/standalone.ts'
import type { Translations } from './http/translate.ts'
import { createViews } from './http/views.ts'
import type { Log } from './log.ts'

export interface AppDeps {
  readonly log: Log
  readonly runs: Runs
  readonly site: Site
  readonly readRecords: ReadRecords
  readonly assets: Assets
  readonly translations: Translations
  readonly viewsDir: string
  readonly standaloneSecret: Secret | undefined
  readonly publicUrl: string | undefined
  readonly newSeed: () => number
  /** Aborts when the server stops: streams end. */
  readonly closing: AbortSignal
}

const securityHeaders = () =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"]
      }
    },
    // frame-ancestors says it, and in a portal's frame X-Frame-Options could not.
    frameguard: false,
    // The app itself speaks http behind a proxy; transport security is the proxy's word.
    strictTransportSecurity: false,
    referrerPolicy: { policy: 'no-referrer' }
  })

/** `ERR_STREAM_PREMATURE_CLOSE` and the like: a visitor left. Not an error of ours. */
const visitorLeft = (error: NodeJS.ErrnoException): boolean =>
  ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')

export const createApp = (deps: AppDeps): Koa => {
  const { log, translations } = deps
  const views = createViews(deps.viewsDir, translations, deps.assets)
  const app = new Koa()
  app.on('error', error => {
    if (!visitorLeft(error)) log.error({ err: error }, 'response failed')
  })

  const open = new Router()
  open.get('/health', ctx => {
    ctx.body = { status: 'ok' }
  })
  deps.assets.routes(open)
  standaloneRoutes(open, { ...deps, views, secret: deps.standaloneSecret })

  const api = new Router()
  api.use(requireSecret(deps.standaloneSecret))
  runsRoutes(api, deps)
  recordsRoutes(api, deps.site, deps.readRecords)

  app.use(securityHeaders())
  app.use(answerErrors(log, translations, views))
  app.use(serveOwnHosts(deps.publicUrl))
  app.use(refuseChangesByOtherSites(deps.publicUrl))
  app.use(readBodies())
  for (const router of [open, api]) app.use(router.routes())
  for (const router of [open, api]) {
    app.use(async function refuseOtherMethods(ctx, next) {
      const matched = router.match(ctx.path, ctx.method).path
      const allowed = [...new Set(matched.flatMap(({ methods }) => methods))].filter(method => method !== 'HEAD')
      if (allowed.length > 0 && ctx.body === undefined) {
        ctx.set('Allow', allowed.join(', '))
        throw methodNotAllowed(allowed.join(', '))
      }
      await next()
    })
  }
  return app
}
