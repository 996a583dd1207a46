// Who may ask: the right host, not another site, the right secret.
// Must stay true: nothing that a request says of itself is believed; the secret is compared in constant time and never repeated.
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Context, Middleware } from 'koa'
import type { Secret } from '../config.ts'
import { forbidden } from '../core/errors.ts'

/** GET addresses that change data: for the guard they are writes. */
const CHANGING_STREAMS = new Set(['/bitrix/webhook/push-stream', '/bitrix/clear-stream'])

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

/** Refuses changes that another site asks for in a visitor's browser. */
export const refuseOtherSites = (publicUrl: string | undefined): Middleware =>
  async function refuseOtherSites(ctx, next) {
    const changes =
      !['GET', 'HEAD', 'OPTIONS'].includes(ctx.method) || CHANGING_STREAMS.has(ctx.path.replace(/\/+$/, ''))
    if (changes && (ctx.get('Sec-Fetch-Site') === 'cross-site' || isForeignOrigin(ctx, publicUrl))) {
      throw forbidden('Another site may not change data here. Open the page of BitrixCorp itself.')
    }
    await next()
  }

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** True when the request carries the secret, as `secret=` or as a bearer token. */
export const carriesSecret = (ctx: Context, secret: Secret): boolean => {
  const { secret: query } = ctx.query
  const bearer = /^Bearer\s+(.+)$/i.exec(ctx.get('Authorization'))?.[1]
  const given = typeof query === 'string' && query !== '' ? query : (bearer ?? '')
  return timingSafeEqual(digest(given), digest(secret.reveal()))
}

/** Lets only requests with the secret through, where one is configured. */
export const requireSecret = (secret: Secret | undefined): Middleware =>
  async function requireSecret(ctx, next) {
    if (secret !== undefined && !carriesSecret(ctx, secret)) {
      throw forbidden(
        'The secret is missing or wrong. Send it as ?secret=… or as "Authorization: Bearer …" (BITRIX_WEBHOOK_SECRET).'
      )
    }
    await next()
  }
