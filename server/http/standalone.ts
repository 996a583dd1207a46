// The standalone page and the classic /bitrix/* routes.
// Must stay true: a stream starts a run once; a reconnecting reader is attached to the run that it started.
import type Router from '@koa/router'
import type { Context } from 'koa'
import { AppError, methodNotAllowed, runFailed } from '../core/errors.ts'
import type { ClearScope, Operation } from '../core/recipe.ts'
import type { RunSnapshot } from '../core/run.ts'
import type { Runs } from '../core/runs.ts'
import { errorBody } from './errors.ts'
import { carriesSecret, refuseOtherSites, requireSecret, type Secret } from './guard.ts'
import { countQuery, lastEventId, parseInput } from './input.ts'
import { createPageData, type ReadRecords } from './page-data.ts'
import { BUSY_ID, streamBusy, streamPercents } from './progress.ts'
import { findRun, type Site, standaloneUser } from './site.ts'
import type { Translations } from './translate.ts'
import type { Views } from './views.ts'

export interface StandaloneDeps {
  readonly runs: Runs
  readonly site: Site
  readonly secret: Secret | undefined
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
  const { runs, site, secret, views, translations, closing } = deps
  const guarded = requireSecret(secret)
  const ownSite = refuseOtherSites(deps.publicUrl)
  const pageData = createPageData(deps)

  const createOperation = (ctx: Context): Operation => {
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
    const operation = operationOf(ctx)
    const last = ctx.headers['last-event-id'] ?? ctx.query['lastEventId']
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
      const { id } = await runs.start(site.channel, operation, standaloneUser)
      streamPercents(ctx, runs, id, closing)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'BUSY') throw error
      const { error: code, error_description } = errorBody(error, translations, ctx)
      streamBusy(ctx, closing, { error: code, error_description })
    }
  }

  const wait = (operationOf: (ctx: Context) => Operation) => async (ctx: Context) => {
    const { id } = await runs.start(site.channel, operationOf(ctx), standaloneUser)
    let final: RunSnapshot | undefined
    for await (const snapshot of runs.watch(id, closing)) final = snapshot
    if (final?.status === 'completed' || final?.status === 'cancelled') ctx.body = final
    else throw runFailed(final?.failure?.message ?? 'The run was interrupted. Resume it to go on.', final)
  }

  router.get('/', guarded, async ctx => {
    views.render(ctx, 'page.njk', await pageData(views.languageOf(ctx)))
  })
  router.get('/bitrix/status', async ctx => {
    const run = await runs.active(site.channel.portal.id)
    const knows = secret === undefined || carriesSecret(ctx, secret)
    ctx.body = run === undefined ? { busy: false } : { busy: true, ...(knows ? { run } : {}) }
  })
  router.get('/bitrix/webhook/push-stream', ownSite, guarded, stream(createOperation))
  router.get('/bitrix/clear-stream', ownSite, guarded, stream(clearOperation))
  router.post('/bitrix/webhook/push-to-bitrix', guarded, wait(createOperation))
  router.post('/bitrix/clear-bitrix', guarded, wait(clearOperation))
}
