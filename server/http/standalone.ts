// The standalone page and the classic /bitrix/* routes.
// Must stay true: a stream starts a run once; a reconnecting reader is attached to the run that it started.
import type Router from '@koa/router'
import type { Context } from 'koa'
import { AppError, invalidInput, methodNotAllowed, runFailed, serverStops } from '../core/errors.ts'
import type { ClearScope, Operation } from '../core/recipe.ts'
import type { RunSnapshot } from '../core/run/run.ts'
import type { Runs } from '../core/run/runs.ts'
import type { ReadRecords } from '../core/shared-reads.ts'
import { errorBody, SECRET_PATH } from './errors.ts'
import { refuseOtherSites } from './guard.ts'
import { countQuery, lastEventId, parseInput } from './input.ts'
import { createPageData } from './page-data.ts'
import { BUSY_ID, streamBusy, streamPercents } from './progress.ts'
import type { SecretGate } from './secret-gate.ts'
import { findRun, type Sites } from './site.ts'
import { offerStart } from './start-page.ts'
import type { Translations } from './translate.ts'
import type { Views } from './views.ts'
import { visitorOf } from './visitor.ts'

export interface StandaloneDeps {
  readonly runs: Runs
  readonly sites: Sites
  /** A webhook or an emulated portal is there. */
  readonly standalone: boolean
  readonly gate: SecretGate
  readonly publicUrl: string | undefined
  readonly views: Views
  readonly translations: Translations
  readonly readRecords: ReadRecords
  readonly closing: AbortSignal
  /** A seed for sample values. */
  readonly newSeed: () => number
}

/** The classic clear routes delete everything (contract: "deletes all contacts, then all companies"). */
const CLASSIC_SCOPE: ClearScope = 'all'

export const standaloneRoutes = (router: Router, deps: StandaloneDeps): void => {
  const { runs, sites, gate, views, translations, closing } = deps
  const ownSite = refuseOtherSites(deps.publicUrl)
  const pageData = createPageData(deps)

  const createOperation = (ctx: Context): Operation => {
    // Overlooked there, it would be a hundred of each.
    if (Object.hasOwn(Object(ctx.request.body), 'count'))
      throw invalidInput('count: belongs into the address, as ?count=100')
    const { count } = parseInput(countQuery, ctx.query)
    const locale = translations.languageOf(ctx)
    return { kind: 'create', recipe: { companies: count, contacts: count, seed: deps.newSeed(), locale } }
  }
  const clearOperation = (): Operation => ({ kind: 'clear', scope: CLASSIC_SCOPE })

  const stream = (operationOf: (ctx: Context) => Operation) => async (ctx: Context) => {
    // The router answers HEAD with GET's handler: that would start a run.
    if (ctx.method !== 'GET') {
      ctx.set('Allow', 'GET')
      throw methodNotAllowed('GET')
    }
    const site = await sites.standalone(ctx)
    const operation = operationOf(ctx)
    // An empty one is none (HTML, server-sent events).
    const last = ctx.headers['last-event-id'] || ctx.query['lastEventId'] || undefined
    if (last === BUSY_ID) {
      // An EventSource that was told "busy" comes back by itself; 204 tells it to stop (HTML, server-sent events).
      ctx.status = 204
      return
    }
    if (last !== undefined) {
      const { record } = await findRun(runs, site, parseInput(lastEventId, last))
      streamPercents(ctx, runs, record.id, closing)
      return
    }
    try {
      const { id } = await runs.start(site.channel, operation, site.startedBy)
      streamPercents(ctx, runs, id, closing)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'BUSY') throw error
      const { error: code, error_description } = errorBody(error, translations, ctx)
      streamBusy(ctx, closing, { error: code, error_description })
    }
  }

  const wait = (operationOf: (ctx: Context) => Operation) => async (ctx: Context) => {
    const site = await sites.standalone(ctx)
    const { id } = await runs.start(site.channel, operationOf(ctx), site.startedBy)
    let final: RunSnapshot | undefined
    for await (const snapshot of runs.watch(id, closing)) final = snapshot
    if (final?.status === 'completed' || final?.status === 'cancelled') ctx.body = final
    // Watched to its end, unless the server ends first.
    else if (final === undefined || final.status === 'running') throw serverStops(id, final)
    else throw runFailed(final.failure?.message ?? 'The run was interrupted. Resume it to go on.', final)
  }

  const showPage = async (ctx: Context): Promise<void> => {
    if (!deps.standalone) {
      views.renderNotice(ctx, 'standalone.off.title', 'standalone.off.text')
      return
    }
    const site = await sites.standalone(ctx)
    const shown = { ticket: gate.ticket() }
    views.render(ctx, 'page.njk', await pageData(site, views.languageOf(ctx), shown, visitorOf(ctx)))
  }
  router.get('/', showPage)
  router.post(SECRET_PATH, showPage)
  router.get(SECRET_PATH, ctx => ctx.redirect('/'))
  router.get('/bitrix/status', async ctx => {
    const site = await sites.openOf(ctx)
    const run = await runs.active(site.channel.portal.id)
    const knows = site.session !== null || gate.isOpen || (await gate.carries(ctx))
    // One that has ended is still told where that cannot be written down: with why, and what to do.
    ctx.body = run === undefined ? { busy: false } : { busy: !runs.unwritten(run.id), ...(knows ? { run } : {}) }
  })
  router.get('/bitrix/webhook/push-stream', offerStart(deps, createOperation), ownSite, stream(createOperation))
  router.get('/bitrix/clear-stream', offerStart(deps, clearOperation), ownSite, stream(clearOperation))
  router.post('/bitrix/webhook/push-to-bitrix', wait(createOperation))
  router.post('/bitrix/clear-bitrix', wait(clearOperation))
}
