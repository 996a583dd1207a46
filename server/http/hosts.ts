// Under which addresses the app answers: its own, and those in the one spelling that browsers print.
// Must stay true: a Host header is compared as it came, never as a parser would read it; unspecified and IPv4-mapped addresses are nobody's.
import { isIP, isIPv4 } from 'node:net'
import type { Context, Middleware } from 'koa'
import { forbidden, invalidInput } from '../core/errors.ts'
import { routePath } from './guard.ts'

export interface OwnAddresses {
  /** What HOST names: where the app listens. */
  readonly host: string
  readonly publicUrl: string | undefined
}

/** `name[:port]`, `1.2.3.4[:port]` or `[::1][:port]`. */
const HOST_HEADER = /^(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(?::\d{1,5})?$/i

/** An IP address as browsers print it in an address; a socket of both families has IPv4 addresses inside IPv6 ones. */
export const printedAddress = (address: string): string | undefined => {
  const bare = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIPv4(bare)) return bare
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname : undefined
}

/** HOST where it is a name; `0`, `127.1` and the like are addresses, which the socket knows better. */
const nameOf = (host: string): string | undefined => {
  const url = `http://${host}`
  return isIP(host) !== 0 || !URL.canParse(url) || isIP(new URL(url).hostname) !== 0 ? undefined : host.toLowerCase()
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))

/** Refuses every host that the app does not serve: names that lead here (DNS rebinding), and addresses that browsers do not trust to be this machine's. */
export const serveOwnHosts = ({ host, publicUrl }: OwnAddresses): Middleware => {
  const names = new Set([nameOf(host), publicUrl === undefined ? undefined : new URL(publicUrl).hostname])
  const isServed = (ctx: Context, asked: string): boolean =>
    isLoopback(asked) || names.has(asked) || asked === printedAddress(ctx.socket.localAddress ?? '')
  return async function serveOwnHosts(ctx, next) {
    const [header = '', ...more] = ctx.req.headersDistinct.host ?? []
    if (more.length > 0) throw invalidInput('The request has more than one Host header. Send one.')
    // HTTP/1.0, as simple health checks speak it, has no Host: no browser asks so.
    if (header === '' && routePath(ctx) === '/health') return next()
    const asked = HOST_HEADER.exec(header)?.[1]?.toLowerCase()
    if (asked === undefined || !isServed(ctx, asked)) {
      throw forbidden(
        'This host is not served here. Use localhost, 127.0.0.1 or the address that HOST names, or set PUBLIC_URL to this address.',
        'host'
      )
    }
    await next()
  }
}
