// The page in a portal's frame, and the session that it works with.
// Must stay true: framed by exactly the proven portal; no cookie; the session is the only thing that gets out.
import type Router from '@koa/router'
import type { Context } from 'koa'
import { readHandshake } from '../bitrix24/handshake.ts'
import type { Handshake, Visit } from '../core/application.ts'
import { sessionInvalid } from '../core/errors.ts'
import type { Runs } from '../core/run/runs.ts'
import type { ReadRecords } from '../core/shared-reads.ts'
import { handshakeOf } from './install.ts'
import { createPageData } from './page-data.ts'
import { framedBy } from './policy.ts'
import { type PageSession, sessionOf } from './session.ts'
import { type ApplicationDoor, portalSite } from './site.ts'
import type { Views } from './views.ts'
import { visitorOf } from './visitor.ts'

export interface PlacementRoutesDeps {
  readonly door: ApplicationDoor
  readonly runs: Runs
  readonly readRecords: ReadRecords
  readonly views: Views
}

/** In a list's menu: the row that was clicked (trap 42: one id, a string). */
const recordIdOf = ({ placement, options }: Handshake): number | null => {
  const id = options['ID'] ?? ''
  return /^CRM_(COMPANY|CONTACT)_LIST_MENU$/.test(placement) && /^[1-9]\d{0,14}$/.test(id) ? Number(id) : null
}

const sessionFor = (
  { installation: { memberId, installedAt }, person }: Visit,
  { placement, recordId }: Pick<PageSession, 'placement' | 'recordId'>
): PageSession => ({ memberId, installedAt, ...person, placement, recordId })

export const placementRoutes = (router: Router, deps: PlacementRoutesDeps): void => {
  const { door, views } = deps
  const { application, sessions } = door
  const pageData = createPageData(deps)

  router.get('/placement', ctx => views.renderNotice(ctx, 'placement.byHand.title', 'placement.byHand.text'))
  router.post('/placement', async ctx => {
    const handshake = handshakeOf(ctx, application)
    const visit = await application.open(handshake)
    ctx.set('Content-Security-Policy', framedBy(visit.installation.origin))
    const session = sessionFor(visit, { placement: handshake.placement, recordId: recordIdOf(handshake) })
    const [site, token] = await Promise.all([portalSite(door, session), sessions.issue(session)])
    views.render(ctx, 'page.njk', await pageData(site, views.languageOf(ctx), { session: token }, visitorOf(ctx)))
  })

  /** A page whose session is over, after a laptop's sleep: the portal around it vouches for the same person, as when it was opened. */
  const proveAnew = async (token: string, handshake: Handshake): Promise<{ session: string; admin: boolean }> => {
    const page = await sessions.readOver(token)
    const visit = await application.open(handshake)
    if (visit.installation.memberId !== page.memberId || visit.person.userId !== page.userId) throw sessionInvalid()
    return { session: await sessions.issue(sessionFor(visit, page)), admin: visit.person.admin }
  }
  /** A page that is still open goes on; the portal is asked anew who the person is. */
  router.post('/api/session', async (ctx: Context) => {
    const token = sessionOf(ctx)
    if (token === undefined) throw sessionInvalid()
    const handshake = readHandshake(ctx.query, ctx.request.body)
    if (handshake !== undefined) {
      ctx.body = await proveAnew(token, handshake)
      return
    }
    const { openedAt, ...page } = await sessions.read(token)
    const visit = await application.revisit(page)
    ctx.body = { session: await sessions.issue(sessionFor(visit, page), openedAt), admin: visit.person.admin }
  })
}
