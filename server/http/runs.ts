// The API for runs.
// Must stay true: `confirm` names the portal before everything is cleared; runs of other portals do not exist here.
import { Readable } from 'node:stream'
import type Router from '@koa/router'
import type { RouterContext } from '@koa/router'
import type { Context } from 'koa'
import { AppError, adminRequired, invalidInput } from '../core/errors.ts'
import type { Operation } from '../core/recipe.ts'
import type { RunRecord, RunSnapshot } from '../core/run/run.ts'
import type { Runs } from '../core/run/runs.ts'
import { demandJson } from './body.ts'
import { parseInput, runsQuery, startBody } from './input.ts'
import { streamSnapshots } from './progress.ts'
import { rejectionLines } from './rejections.ts'
import { ownRunOfPath, runOfPath, type Site, type SiteOf } from './site.ts'
import { languages, type Translations } from './translate.ts'
import { visitorOf } from './visitor.ts'

const CLEARING = 'Clearing everything'

export interface RunsRoutesDeps {
  readonly runs: Runs
  readonly siteOf: SiteOf
  readonly translations: Translations
  readonly closing: AbortSignal
  readonly newSeed: () => number
}

export const runsRoutes = (router: Router, deps: RunsRoutesDeps): void => {
  const { runs, siteOf, translations, closing } = deps

  const clearsAll = (operation: Operation): boolean => operation.kind === 'clear' && operation.scope === 'all'
  /** The last thing before it: the portal is asked anew whether this person may. */
  const demandMayClear = async (site: Site, operation: Operation): Promise<void> => {
    if (clearsAll(operation)) await site.demandAdmin(CLEARING)
  }
  /** `asked`: only asked about, so nothing needs to be confirmed. */
  const operationOf = (ctx: Context, site: Site, asked = false): Operation => {
    const input = parseInput(startBody, ctx.request.body ?? {})
    if (input.kind === 'clear') {
      if (clearsAll(input) && !site.admin) throw adminRequired(CLEARING)
      if (!asked && input.scope === 'all' && input.confirm !== site.channel.portal.host) {
        throw new AppError(
          400,
          'CONFIRM_REQUIRED',
          `Clearing everything needs "confirm" with the portal's host: ${site.channel.portal.host}`
        )
      }
      return { kind: 'clear', scope: input.scope }
    }
    const { seed = deps.newSeed(), locale = translations.languageOf(ctx), companyId } = input
    if (companyId === undefined) {
      const { companies = 100, contacts = companies } = input
      return { kind: 'create', recipe: { companies, contacts, seed, locale } }
    }
    const { companies, contacts = 100 } = input
    if (companies !== undefined)
      throw invalidInput('companies: must be absent with companyId: only contacts are created')
    if (contacts === 0) throw invalidInput('contacts: must be at least 1 with companyId')
    return { kind: 'create', recipe: { companies: 0, contacts, seed, locale, companyId } }
  }
  const accept = (ctx: Context, run: RunSnapshot): void => {
    ctx.status = 202
    ctx.set('Location', `/api/runs/${run.id}`)
    ctx.body = run
  }

  /** A stopped run that this person may let go on. */
  const resumable = async (ctx: RouterContext): Promise<{ site: Site; record: RunRecord }> => {
    const site = await siteOf(ctx)
    const { record } = await ownRunOfPath(runs, site, ctx)
    await demandMayClear(site, record.operation)
    await site.prepare()
    return { site, record }
  }

  router.post('/api/runs', async ctx => {
    const site = await siteOf(ctx)
    demandJson(ctx)
    const operation = operationOf(ctx, site)
    await demandMayClear(site, operation)
    await site.prepare()
    accept(ctx, await runs.start(site.channel, operation, site.startedBy))
  })
  router.post('/api/runs/estimate', async ctx => {
    const site = await siteOf(ctx)
    demandJson(ctx)
    const { seconds, ...estimate } = await runs.estimate(site.channel, operationOf(ctx, site, true), visitorOf(ctx))
    ctx.body = { ...estimate, seconds: Math.ceil(seconds) }
  })
  router.get('/api/runs', async ctx => {
    const site = await siteOf(ctx)
    const { runs: page, next } = await runs.list(site.channel.portal.id, parseInput(runsQuery, ctx.query))
    // Only where there is more: whoever knows of no pages gets what he always got.
    ctx.body = next === null ? { runs: page } : { runs: page, next }
  })
  router.get('/api/runs/latest', async ctx => {
    const site = await siteOf(ctx)
    ctx.body = { run: (await runs.latest(site.channel.portal.id)) ?? null }
  })
  router.get('/api/runs/:id', async ctx => {
    ctx.body = (await runOfPath(runs, await siteOf(ctx), ctx)).snapshot
  })
  router.delete('/api/runs/:id', async ctx => {
    const site = await siteOf(ctx)
    const { record } = await runOfPath(runs, site, ctx)
    if (!site.admin) throw adminRequired('Deleting a run from the history')
    await runs.remove(record.id)
    ctx.status = 204
  })
  router.get('/api/runs/:id/progress', async ctx => {
    const { record } = await runOfPath(runs, await siteOf(ctx), ctx)
    streamSnapshots(ctx, runs, record.id, closing)
  })
  router.get('/api/runs/:id/rejections.csv', async ctx => {
    const { record } = await runOfPath(runs, await siteOf(ctx), ctx)
    ctx.type = 'text/csv; charset=utf-8'
    ctx.attachment(`bitrixcorp-${record.id}.csv`)
    const language = languages.find(each => each === ctx.query['lang'])
    ctx.body = Readable.from(rejectionLines(runs.rejections(record.id), translations, language))
  })
  router.post('/api/runs/:id/cancel', async ctx => {
    const { record } = await ownRunOfPath(runs, await siteOf(ctx), ctx)
    accept(ctx, await runs.cancel(record.id))
  })
  router.post('/api/runs/:id/resume', async ctx => {
    const { site, record } = await resumable(ctx)
    const { channel, userId } = await site.wayOn(record)
    accept(ctx, await runs.resume(record.id, channel, userId))
  })
  router.post('/api/runs/:id/retry', async ctx => {
    const { site, record } = await resumable(ctx)
    accept(ctx, await runs.retry(record.id, site.channel, site.startedBy))
  })
}
