// Refusals in the log, counted. Of openings: an integrator whose portal may not frame the page cannot see what the page says.
// Must stay true: nothing of a form is logged, and of the query only a host in its canonical spelling; a flood does not fill the disk.
import type { Context, Middleware } from 'koa'
import { AppError } from '../core/errors.ts'
import { canonicalHost } from '../core/portal-hosts.ts'
import type { Log } from '../log.ts'
import { HANDSHAKE_PATHS, routePath } from './guard.ts'

/** Anybody can send what is refused. */
const ONE_LINE_MS = 1000
/** Letters of what came. */
const LONGEST = 100

/** Lets one line a second through, and tells it how many were kept back since the last. */
export const oneLineASecond = (): ((write: (unlogged: number) => void) => void) => {
  let quietUntil = 0
  let unlogged = 0
  return write => {
    const now = performance.now()
    if (now < quietUntil) {
      unlogged += 1
      return
    }
    write(unlogged)
    quietUntil = now + ONE_LINE_MS
    unlogged = 0
  }
}

/** Whatever came as the host, short and in letters that can do no harm. */
const hostThatCame = (ctx: Context): string =>
  ctx
    .get('Host')
    .slice(0, LONGEST)
    .replaceAll(/[^\w.:[\]-]/g, '?')

/** Stands before everything that refuses; the refusal goes on to the page. `publicUrl`: the only name besides those of this machine. */
export const logRefusals = (log: Log, publicUrl: string | undefined): Middleware => {
  const handshakeLine = oneLineASecond()
  const hostLine = oneLineASecond()
  const report = (ctx: Context, { code, status, reason, message, expected }: AppError): void => {
    const path = routePath(ctx).slice(0, LONGEST)
    if (reason === 'host') {
      const what = {
        path,
        host: hostThatCame(ctx),
        code,
        reason: message,
        expected: publicUrl ?? 'no PUBLIC_URL is set'
      }
      hostLine(unlogged => log.warn({ ...what, unlogged }, 'host name refused'))
    } else if (ctx.method === 'POST' && HANDSHAKE_PATHS.has(path) && status < 500) {
      const { DOMAIN } = ctx.query
      const portal = typeof DOMAIN === 'string' ? canonicalHost(DOMAIN) : undefined
      const what = { path, portal, bytes: ctx.request.length, code, reason: message, expected }
      handshakeLine(unlogged => log.warn({ ...what, unlogged }, 'handshake refused'))
    }
  }
  return async function logRefusals(ctx, next) {
    try {
      await next()
    } catch (error) {
      if (error instanceof AppError) report(ctx, error)
      throw error
    }
  }
}
