// A bare HTTP server in the place of a portal: answers exactly what a test tells it to, and counts what arrives.
// Must stay true: no help from the emulator or the app; every request that arrives is recorded before it is answered.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ClientOptions, createWebhookClient, type RestClient } from '../../server/bitrix24/client.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import type { Portal } from '../../server/core/portal.ts'
import { Webhook } from '../../server/core/webhook-url.ts'

export const SECRET = 'planted5secret9x'

interface Received {
  readonly method: string
  readonly path: string
  readonly body: string
}

export interface RawPortal {
  readonly origin: string
  readonly host: string
  readonly received: Received[]
  readonly client: RestClient
  readonly portal: Portal
  close(): Promise<void>
}

export type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void

/** A client and a portal over a webhook of `origin`. */
export const connect = (origin: string, options: ClientOptions = { requestSeconds: 60, now: Date.now }) => {
  const { host } = new URL(origin)
  const client = createWebhookClient(new Webhook(origin, host, 1, SECRET), options)
  return { client, portal: createRestPortal({ id: host, host, client }) }
}

export const startRawPortal = async (answer: Answer, options?: ClientOptions): Promise<RawPortal> => {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString()
      received.push({ method: request.method ?? '', path: request.url ?? '', body })
      answer(response, request, body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP: never a pipe's name
  const origin = `http://127.0.0.1:${port}`
  const { client, portal } = connect(origin, options)
  return {
    origin,
    host: new URL(origin).host,
    received,
    client,
    portal,
    async close() {
      client.close()
      await new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    }
  }
}

export const json =
  (status: number, body: unknown): Answer =>
  response => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
  }

export const html =
  (status: number): Answer =>
  (response, request) => {
    // Front servers like to repeat the address that they were asked for.
    response.writeHead(status, { 'content-type': 'text/html' }).end(`<html><h1>${status}</h1>${request.url}</html>`)
  }

/** An answer to a batch, with the five maps as PHP would print them when empty. */
export const batch = (maps: Record<string, unknown>, time: object | undefined = { duration: 0.5 }): Answer =>
  json(200, {
    result: { result: [], result_error: [], result_total: [], result_next: [], result_time: [], ...maps },
    ...(time === undefined ? {} : { time })
  })
