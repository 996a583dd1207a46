// Who may ask: this site and programs, not another site that a visitor's browser has open.
// Must stay true: nothing that a request says in its own favour is believed, except what a page cannot make a browser say.
import type { Context, Middleware } from 'koa'
import { forbidden } from '../core/errors.ts'
import { isLoopbackHost } from '../core/portal-hosts.ts'

/** A secret that does not print itself. */
export interface Secret {
  reveal(): string
}

/** The path as the router takes it: any case, with or without a slash at its end. */
export const routePath = ({ path }: Context): string => path.toLowerCase().replace(/(.)\/$/, '$1')

const isOwn = (ctx: Context, address: string, publicUrl: string | undefined): boolean => {
  if (!URL.canParse(address)) return false
  const { origin, host } = new URL(address)
  return origin === publicUrl || host === ctx.get('Host')
}

/** By a header that names where a request comes from, where there is one. */
const isForeign = (ctx: Context, header: 'Origin' | 'Referer', publicUrl: string | undefined): boolean =>
  ctx.get(header) !== '' && !isOwn(ctx, ctx.get(header), publicUrl)

/** `none` is a typed address; `same-site` is another port of this host: for a browser one site, for us a stranger. */
const isForeignFetch = (ctx: Context): boolean => !['', 'none', 'same-origin'].includes(ctx.get('Sec-Fetch-Site'))

/** A browser that does not say who asks: it is too old, or takes our address for one that it need not tell (not https, not loopback). */
const isSilentBrowser = (ctx: Context): boolean =>
  ctx.get('User-Agent').includes('Mozilla/') && ctx.get('Sec-Fetch-Site') === '' && ctx.get('Origin') === ''

/** Another site asks, by what the browser says. */
export const isOtherSite = (ctx: Context, publicUrl: string | undefined): boolean =>
  isForeignFetch(ctx) || isForeign(ctx, 'Origin', publicUrl) || isForeign(ctx, 'Referer', publicUrl)

/** The address itself is opened, as a page or a part of one; EventSource, fetch and programs do not. */
export const isNavigation = (ctx: Context): boolean =>
  ctx.get('Sec-Fetch-Mode') === 'navigate' || !['', 'empty'].includes(ctx.get('Sec-Fetch-Dest'))

/** A browser that loads an address ahead, in case somebody goes there (Sec-Purpose: prefetch;prerender, WHATWG Fetch). */
const isAhead = (ctx: Context): boolean => /prefetch/i.test(`${ctx.get('Sec-Purpose')} ${ctx.get('Purpose')}`)

/** Refuses what another site, or nobody yet, asks for in a visitor's browser. Stands on every GET route that changes data. */
export const refuseOtherSites = (publicUrl: string | undefined): Middleware =>
  async function refuseOtherSites(ctx, next) {
    if (isOtherSite(ctx, publicUrl) || isSilentBrowser(ctx)) {
      throw forbidden('Another site may not change data here. Open the page of BitrixCorp itself.', 'site')
    }
    if (isAhead(ctx))
      throw forbidden('Nothing is changed for a page that is only loaded ahead. Open the address itself.', 'site')
    await next()
  }

/** What Bitrix24 posts from its own pages and servers; these prove themselves by their tokens. */
export const HANDSHAKE_PATHS: ReadonlySet<string> = new Set(['/install', '/placement', '/events'])

/** The same for every method that changes data, whatever the address, except for what Bitrix24 posts. */
export const refuseChangesByOtherSites = (publicUrl: string | undefined): Middleware => {
  const refuse = refuseOtherSites(publicUrl)
  return async function refuseChangesByOtherSites(ctx, next) {
    const harmless = ['GET', 'HEAD', 'OPTIONS'].includes(ctx.method) || HANDSHAKE_PATHS.has(routePath(ctx))
    await (harmless ? next() : refuse(ctx, next))
  }
}

/** What costs the portal a request, or tells about it. */
const READS = /^\/(api\/|bitrix\/status$)/

/** A link to the page opens it, from wherever: nothing is done by that. */
const isLinkToPage = (ctx: Context): boolean =>
  ctx.get('Sec-Fetch-Mode') === 'navigate' && ['', 'document'].includes(ctx.get('Sec-Fetch-Dest'))

/** Another site can't read answers, but its requests would take the portal's bucket. */
export const refuseReadsByOtherSites = (publicUrl: string | undefined): Middleware =>
  async function refuseReadsByOtherSites(ctx, next) {
    const path = routePath(ctx)
    if ((READS.test(path) || (path === '/' && !isLinkToPage(ctx))) && isOtherSite(ctx, publicUrl)) {
      throw forbidden('Another site may not read here. Open the page of BitrixCorp itself.', 'site')
    }
    await next()
  }

/** Where a webhook's page has no secret but a public address, a proxy opens it to everybody: the sentence that says so. */
export const warnOfOpenPage = (secret: Secret | undefined, publicUrl: string | undefined): string | undefined =>
  secret !== undefined || publicUrl === undefined || isLoopbackHost(new URL(publicUrl).host)
    ? undefined
    : `Anybody who reaches ${publicUrl} can fill and clear the portal of BITRIX_WEBHOOK_URL, because no secret is asked for. Set BITRIX_WEBHOOK_SECRET, for example to the output of: openssl rand -hex 16`
