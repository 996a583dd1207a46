// An authorization server on the allow-list that does not answer as it should: passes requests on to an honest one, and alters answers.
// Must stay true: what is not altered is answered as the honest one answers.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** `honest`: what the honest server said. */
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
export type Lie = (response: ServerResponse, honest: any) => void

export interface HostileAuthorization {
  readonly origin: string
  /** As SERVER_ENDPOINT says it. */
  readonly endpoint: string
  /** Where honest answers come from. */
  behind: string
  /** How `app.info` is answered; undefined: honestly. */
  info: Lie | undefined
  /** How a refresh is answered; undefined: honestly. */
  refresh: Lie | undefined
  /** Requests so far. */
  readonly asked: { info: number; refresh: number }
}

export const openHostileAuthorization = async (): Promise<HostileAuthorization> => {
  const asked = { info: 0, refresh: 0 }
  const server = createServer(async (request, response) => {
    const what = request.url?.startsWith('/oauth/token') === true ? 'refresh' : 'info'
    asked[what] += 1
    const reply = await fetch(`${hostile.behind}${request.url}`, {
      method: request.method ?? 'GET',
      headers: { 'content-type': request.headers['content-type'] ?? '' },
      ...(request.method === 'POST' ? { body: await text(request) } : {})
    })
    const honest = await reply.json()
    const lie = hostile[what]
    if (lie === undefined) say(reply.status, honest)(response, honest)
    else lie(response, honest)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // TCP
  const hostile: HostileAuthorization = {
    ...{ origin, endpoint: `${origin}/rest/`, behind: '', info: undefined, refresh: undefined, asked }
  }
  return hostile
}

/** Answers with this, whatever is true. */
export const say =
  (status: number, body: unknown): Lie =>
  response => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

export const redirect =
  (status: number, location: string): Lie =>
  response => {
    response.writeHead(status, { location }).end()
  }
