// Who may ask: the right host, not another site, the right secret.
// Must stay true: nothing that a request says of itself is believed; the secret is compared in constant time and never repeated.
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Context, Middleware } from 'koa'
import { forbidden } from '../core/errors.ts'

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
    const hostname = hostnameOf(ctx.get('Host'))
    if (hostname === undefined || !isServed(hostname, publicUrl)) {
      throw forbidden('This host name is not served here. Use localhost, an IP address or the host of PUBLIC_URL.')
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

/** Refuses what another site asks for in a visitor's browser. Stands on every GET route that changes data. */
export const refuseOtherSites = (publicUrl: string | undefined): Middleware =>
  async function refuseOtherSites(ctx, next) {
    if (isForeignFetch(ctx) || isForeignOrigin(ctx, publicUrl)) {
      throw forbidden('Another site may not change data here. Open the page of BitrixCorp itself.')
    }
    await next()
  }

/** What Bitrix24 posts from its own pages and servers; these prove themselves by their tokens. */
export const HANDSHAKE_PATHS: ReadonlySet<string> = new Set(['/install', '/placement', '/events'])

/** The same for every method that changes data, whatever the address, except for what Bitrix24 posts. */
export const refuseChangesByOtherSites = (publicUrl: string | undefined): Middleware => {
  const refuse = refuseOtherSites(publicUrl)
  return async function refuseChangesByOtherSites(ctx, next) {
    const harmless = ['GET', 'HEAD', 'OPTIONS'].includes(ctx.method) || HANDSHAKE_PATHS.has(ctx.path)
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
      'The secret is missing or wrong. Send it as ?secret=… or as "Authorization: Bearer …" (BITRIX_WEBHOOK_SECRET).'
    )
  }
}
