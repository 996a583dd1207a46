// Refusals in the log, counted. Of handshakes: an integrator whose portal may not frame the page cannot see what the page says.
// Must stay true: nothing of the form is logged, and of the query only a host in its canonical spelling; a flood does not fill the disk.
import type { Middleware } from 'koa'
import { AppError } from '../core/errors.ts'
import { canonicalHost } from '../core/portal-hosts.ts'
import type { Log } from '../log.ts'

/** Anybody can send what is refused. */
const ONE_LINE_MS = 1000

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

/** Stands before every handshake; the refusal goes on to the page. */
export const logRefusals = (log: Log): Middleware => {
  const line = oneLineASecond()
  return async function logRefusals(ctx, next) {
    try {
      await next()
    } catch (error) {
      if (error instanceof AppError && error.status === 403) {
        const { DOMAIN } = ctx.query
        const portal = typeof DOMAIN === 'string' ? canonicalHost(DOMAIN) : undefined
        line(unlogged =>
          log.warn({ path: ctx.path, portal, code: error.code, reason: error.message, unlogged }, 'handshake refused')
        )
      }
      throw error
    }
  }
}
