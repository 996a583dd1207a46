// The installation page: proves the administrator, binds everything, shows what was done.
// Must stay true: whoever is not proven gets a page that says why, and nothing is stored.
import type Router from '@koa/router'
import type { Context } from 'koa'
import { readHandshake } from '../bitrix24/handshake.ts'
import type { Handshake, LocalApplication } from '../core/application.ts'
import { grantRefused } from '../core/errors.ts'
import { framedBy } from './policy.ts'
import type { ApplicationDoor } from './site.ts'
import type { Views } from './views.ts'

export interface InstallRoutesDeps {
  readonly door: ApplicationDoor
  readonly views: Views
}

/** What the portal sent. From here on the portal may frame the answer, also a refusal, if it is one of the allowed. @throws {AppError} */
export const handshakeOf = (ctx: Context, application: Pick<LocalApplication, 'originOf'>): Handshake => {
  const handshake = readHandshake(ctx.query, ctx.request.body)
  if (handshake === undefined) {
    throw grantRefused('This is not what Bitrix24 sends when it opens an application. Open it in the portal.')
  }
  const origin = application.originOf(handshake)
  if (origin !== undefined) ctx.set('Content-Security-Policy', framedBy(origin))
  return handshake
}

export const installRoutes = (router: Router, { door, views }: InstallRoutesDeps): void => {
  const { application } = door
  router.get('/install', ctx => views.renderNotice(ctx, 'install.byHand.title', 'install.byHand.text'))
  router.post('/install', async ctx => {
    const { installation, person, steps } = await application.install(handshakeOf(ctx, application))
    ctx.set('Content-Security-Policy', framedBy(installation.origin))
    const lang = views.languageOf(ctx)
    const complete = steps.every(({ result }) => result !== 'failed')
    const portal = { host: new URL(installation.origin).host, mode: 'portal' }
    views.render(ctx, 'install.html', {
      portal,
      steps,
      complete,
      user: person.name,
      state: { lang, portal, steps, complete }
    })
  })
}
