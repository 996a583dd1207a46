// Every HTTP request that this process makes, whoever makes it, seen before a name is looked up or a connection is made.
// Must stay true: sees fetch and node:http, redirects that are followed, and addresses where nobody would answer.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import { onTestFinished } from 'vitest'

export interface Outgoing {
  /** Method and address of each request so far, except those to `ignored` origins. */
  requests(): string[]
  /** Forgets what was so far. */
  clear(): void
}

/** `ignored`: origins that may be asked, such as the app's own, which the test itself asks. */
export const watchOutgoing = (ignored: () => readonly string[] = () => []): Outgoing => {
  let seen: { readonly method: string; readonly url: URL }[] = []
  const onFetch = (message: unknown): void => {
    const { request } = message as { request: { method: string; origin: string | URL; path: string } } // Node's docs
    seen.push({ method: request.method, url: new URL(request.path, request.origin) })
  }
  const onHttp = (message: unknown): void => {
    const { request } = message as { request: ClientRequest } // Node's docs
    seen.push({
      method: request.method,
      url: new URL(request.path, `${request.protocol}//${request.getHeader('host')}`)
    })
  }
  const channels = [
    ['undici:request:create', onFetch],
    ['http.client.request.start', onHttp]
  ] as const
  for (const [name, listener] of channels) subscribe(name, listener)
  onTestFinished(() => {
    for (const [name, listener] of channels) unsubscribe(name, listener)
  })
  return {
    requests: () =>
      seen.filter(({ url }) => !ignored().includes(url.origin)).map(({ method, url }) => `${method} ${url.href}`),
    clear() {
      seen = []
    }
  }
}
