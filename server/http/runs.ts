// The API for runs.
// Must stay true: `confirm` names the portal before everything is cleared; runs of other portals do not exist here.
import { Readable } from 'node:stream'
import type Router from '@koa/router'
import type { Context } from 'koa'
import { AppError } from '../core/errors.ts'
import type { Operation } from '../core/recipe.ts'
import type { Rejection, RunSnapshot } from '../core/run.ts'
import type { Runs } from '../core/runs.ts'
import { demandJson } from './body.ts'
import { csvLine } from './csv.ts'
import { parseInput, startBody } from './input.ts'
import { streamSnapshots } from './progress.ts'
import { runOfPath, type Site, standaloneUser } from './site.ts'
import type { Translations } from './translate.ts'

export interface RunsRoutesDeps {
  readonly runs: Runs
  readonly site: Site
  readonly translations: Translations
  readonly closing: AbortSignal
  readonly newSeed: () => number
}

async function* rejectionLines(rejections: AsyncIterable<Rejection>): AsyncGenerator<string> {
  // The mark makes spreadsheets read UTF-8.
  yield `\uFEFF${csvLine(['entity', 'row', 'code', 'message'])}`
  for await (const { entity, row, code, message } of rejections) yield csvLine([entity, String(row), code, message])
}

export const runsRoutes = (router: Router, deps: RunsRoutesDeps): void => {
  const { runs, site, translations, closing } = deps

  const operationOf = (ctx: Context): Operation => {
    const input = parseInput(startBody, ctx.request.body ?? {})
    if (input.kind === 'clear') {
      if (input.scope === 'all' && input.confirm !== site.channel.portal.host) {
        throw new AppError(
          400,
          'CONFIRM_REQUIRED',
          `Clearing everything needs "confirm" with the portal's host: ${site.channel.portal.host}`
        )
      }
      return { kind: 'clear', scope: input.scope }
    }
    const { companies, contacts = companies, seed = deps.newSeed(), locale = translations.languageOf(ctx) } = input
    return { kind: 'create', recipe: { companies, contacts, seed, locale } }
  }
  const accept = (ctx: Context, run: RunSnapshot): void => {
    ctx.status = 202
    ctx.set('Location', `/api/runs/${run.id}`)
    ctx.body = run
  }

  router.post('/api/runs', async ctx => {
    demandJson(ctx)
    accept(ctx, await runs.start(site.channel, operationOf(ctx), standaloneUser))
  })
  router.get('/api/runs', async ctx => {
    ctx.body = { runs: await runs.list(site.channel.portal.id) }
  })
  router.get('/api/runs/:id', async ctx => {
    ctx.body = (await runOfPath(runs, site, ctx)).snapshot
  })
  router.get('/api/runs/:id/progress', async ctx => {
    const { record } = await runOfPath(runs, site, ctx)
    streamSnapshots(ctx, runs, record.id, closing)
  })
  router.get('/api/runs/:id/rejections.csv', async ctx => {
    const { record } = await runOfPath(runs, site, ctx)
    ctx.type = 'text/csv; charset=utf-8'
    ctx.attachment(`bitrixcorp-${record.id}.csv`)
    ctx.body = Readable.from(rejectionLines(runs.rejections(record.id)))
  })
  router.post('/api/runs/:id/cancel', async ctx => {
    const { record } = await runOfPath(runs, site, ctx)
    accept(ctx, await runs.cancel(record.id))
  })
  router.post('/api/runs/:id/resume', async ctx => {
    const { record } = await runOfPath(runs, site, ctx)
    accept(ctx, await runs.resume(record.id, site.channel))
  })
  router.post('/api/runs/:id/retry', async ctx => {
    const { record } = await runOfPath(runs, site, ctx)
    accept(ctx, await runs.retry(record.id, site.channel, standaloneUser))
  })
}
