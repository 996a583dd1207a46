// Whether whoever asked is still there.
// Must stay true: aborts once the connection of the request is closed, also when that was before somebody asked.
import type { Context } from 'koa'

/** Aborts when the visitor leaves; when he was answered, too. */
export const visitorOf = ({ res }: Context): AbortSignal => {
  const visit = new AbortController()
  if (res.closed) visit.abort()
  else res.once('close', () => visit.abort())
  return visit.signal
}
