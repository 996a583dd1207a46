// Who may ask: the right host, not another site, the right secret.
// Must stay true: nothing that a request says of itself is believed; the secret is compared in constant time and never repeated.
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Context, Middleware } from 'koa'
import { forbidden } from '../core/errors.ts'
import { isLoopbackHost } from '../core/portal-hosts.ts'

/** A secret that does not print itself. */
export interface Secret {
  reveal(): string
}

const hostnameOf = (host: string): string | undefined => {
  const url = `http://${host}`
  return URL.canParse(url) && new URL(url).host !== '' && !/[@/\\?#]/.test(host) ? new URL(url).hostname : undefined
}

const isServed = (hostname: string, publicUrl: string | undefined): boolean =>
  hostname === 'localhost' ||
  isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 ||
  (publicUrl !== undefined && hostname === new URL(publicUrl).hostname)

/** Refuses host names that the app does not serve (DNS rebinding). */
export const serveOwnHosts = (publicUrl: string | undefined): Middleware =>
  async function serveOwnHosts(ctx, next) {
    const host = ctx.get('Host')
    // HTTP/1.0, as simple health checks speak it, has no Host: no browser asks so.
    if (host === '' && routePath(ctx) === '/health') return next()
    const hostname = hostnameOf(host)
    if (hostname === undefined || !isServed(hostname, publicUrl)) {
      throw forbidden(
        'This host name is not served here. Use localhost, an IP address or the host of PUBLIC_URL.',
        'host'
      )
    }
    await next()
  }

const isForeignOrigin = (ctx: Context, publicUrl: string | undefined): boolean => {
  const origin = ctx.get('Origin')
  if (origin === '') return false
  if (publicUrl !== undefined && origin === publicUrl) return false
  return !URL.canParse(origin) || new URL(origin).host !== ctx.get('Host')
}

/** `none` is a typed address; `same-site` is another port of this host: for a browser one site, for us a stranger. */
const isForeignFetch = (ctx: Context): boolean => !['', 'none', 'same-origin'].includes(ctx.get('Sec-Fetch-Site'))

/** A browser that loads an address ahead, in case somebody goes there (Sec-Purpose: prefetch;prerender, WHATWG Fetch). */
const isAhead = (ctx: Context): boolean => /prefetch/i.test(`${ctx.get('Sec-Purpose')} ${ctx.get('Purpose')}`)

/** Refuses what another site, or nobody yet, asks for in a visitor's browser. Stands on every GET route that changes data. */
export const refuseOtherSites = (publicUrl: string | undefined): Middleware =>
  async function refuseOtherSites(ctx, next) {
    if (isForeignFetch(ctx) || isForeignOrigin(ctx, publicUrl)) {
      throw forbidden('Another site may not change data here. Open the page of BitrixCorp itself.')
    }
    if (isAhead(ctx))
      throw forbidden('Nothing is changed for a page that is only loaded ahead. Open the address itself.')
    await next()
  }

/** What Bitrix24 posts from its own pages and servers; these prove themselves by their tokens. */
const HANDSHAKE_PATHS: ReadonlySet<string> = new Set(['/install', '/placement', '/events'])

/** The path as the router takes it: any case, with or without a slash at its end. */
export const routePath = ({ path }: Context): string => path.toLowerCase().replace(/(.)\/$/, '$1')

/** The same for every method that changes data, whatever the address, except for what Bitrix24 posts. */
export const refuseChangesByOtherSites = (publicUrl: string | undefined): Middleware => {
  const refuse = refuseOtherSites(publicUrl)
  return async function refuseChangesByOtherSites(ctx, next) {
    const harmless = ['GET', 'HEAD', 'OPTIONS'].includes(ctx.method) || HANDSHAKE_PATHS.has(routePath(ctx))
    await (harmless ? next() : refuse(ctx, next))
  }
}

const digest = (text: string | Buffer): Buffer => createHash('sha256').update(text).digest()

/** True when the request carries the secret, as `secret=` or as a bearer token. */
export const carriesSecret = (ctx: Context, secret: Secret): boolean => {
  const { secret: query } = ctx.query
  const bearer = /^Bearer +(.+)$/i.exec(ctx.get('Authorization'))?.[1]
  const expected = digest(secret.reveal())
  const matches = (given: string | Buffer): boolean => timingSafeEqual(digest(given), expected)
  // Node reads header bytes as latin1; the secret is UTF-8.
  return matches(typeof query === 'string' ? query : '') || matches(Buffer.from(bearer ?? '', 'latin1'))
}

/** Where a secret is configured, the request must carry it. @throws {AppError} FORBIDDEN */
export const demandSecret = (ctx: Context, secret: Secret | undefined): void => {
  if (secret !== undefined && !carriesSecret(ctx, secret)) {
    throw forbidden(
      'The secret is missing or wrong. Send it as ?secret=… or as "Authorization: Bearer …" (BITRIX_WEBHOOK_SECRET).',
      ctx.query['secret'] === undefined && ctx.get('Authorization') === '' ? 'secret' : 'wrong'
    )
  }
}

/** Where a webhook's page has no secret but a public address, a proxy opens it to everybody: the sentence that says so. */
export const warnOfOpenPage = (secret: Secret | undefined, publicUrl: string | undefined): string | undefined =>
  secret !== undefined || publicUrl === undefined || isLoopbackHost(new URL(publicUrl).host)
    ? undefined
    : `Anybody who reaches ${publicUrl} can fill and clear the portal of BITRIX_WEBHOOK_URL, because no secret is asked for. Set BITRIX_WEBHOOK_SECRET, for example to the output of: openssl rand -hex 16`
