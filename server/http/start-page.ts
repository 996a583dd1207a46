// What the address of a stream shows to a person: a page with a button, instead of the work itself.
// Must stay true: opening, reloading or following a link to such an address starts nothing.
import type { Context, Middleware } from 'koa'
import type { Operation } from '../core/recipe.ts'
import { isNavigation, isOtherSite } from './guard.ts'
import type { SecretGate } from './secret-gate.ts'
import type { Sites } from './site.ts'
import type { Views } from './views.ts'

export interface StartPageDeps {
  readonly sites: Sites
  readonly gate: SecretGate
  readonly publicUrl: string | undefined
  readonly views: Views
}

/** The body of POST /api/runs that does the same. */
const bodyOf = (operation: Operation, portal: string): Readonly<Record<string, unknown>> => {
  if (operation.kind === 'clear') return { kind: 'clear', scope: operation.scope, confirm: portal }
  const { companies, contacts, locale } = operation.recipe
  return { kind: 'create', companies, contacts, locale }
}

/** The same address without the secret. */
const ownAddress = (ctx: Context): string => {
  const query = new URLSearchParams(ctx.querystring)
  query.delete('secret')
  return `${ctx.path}?${query}`
}

/** Stands before a stream; `operationOf`: what the stream would start. @throws what it does */
export const offerStart =
  ({ sites, gate, publicUrl, views }: StartPageDeps, operationOf: (ctx: Context) => Operation): Middleware =>
  async (ctx, next) => {
    if (ctx.method !== 'GET' || !isNavigation(ctx)) return next()
    const { portal } = (await sites.standalone(ctx)).channel
    const operation = operationOf(ctx)
    // A page that led here could have a second click of a double click land on the button: its visitors come once more, from our own page.
    const state = isOtherSite(ctx, publicUrl)
      ? null
      : { lang: views.languageOf(ctx), ticket: gate.ticket(), input: bodyOf(operation, portal.host) }
    views.renderStart(ctx, `start.${operation.kind}`, {
      portal: portal.host,
      count: operation.kind === 'create' ? operation.recipe.companies : 0,
      next: ownAddress(ctx),
      state
    })
  }
