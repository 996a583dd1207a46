// A bare HTTP client for tests of the emulated portal: what a client without any SDK sees.
// Must stay true: one call is one request; nothing is retried or interpreted.
import { onTestFinished } from 'vitest'
import {
  createEmulatedPortal,
  type EmulatedPortal,
  type EmulatedPortalOptions
} from '../../emulator/emulated-portal.ts'
import type { Method } from '../../emulator/method.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Undefined when the text is no JSON. */
  readonly body: ReplyBody
}

/** Loose on purpose: tests look into replies of every shape. */
interface ReplyBody {
  readonly result: never
  readonly error?: string
  readonly error_description?: string
  readonly time: { readonly [name: string]: never }
  readonly total?: number
  readonly next?: number
}

/** Answers its own parameters. */
const echo: Method = { name: 'test.echo', scope: null, handle: ({ params }) => ({ result: params }) }

/** A portal that is closed when the test ends; it also knows `test.echo` and the given methods. */
export async function openPortal(options: EmulatedPortalOptions = {}): Promise<EmulatedPortal> {
  const portal = await createEmulatedPortal({ ...options, methods: [echo, ...(options.methods ?? [])] })
  onTestFinished(() => portal.close())
  return portal
}

async function readReply(response: Response): Promise<Reply> {
  const text = await response.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  return { status: response.status, headers: response.headers, text, body: body as ReplyBody } // read loosely
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  return readReply(await fetch(url, { headers, redirect: 'manual' }))
}

export async function post(
  url: string,
  body: string,
  type = 'application/json',
  headers: Record<string, string> = {}
): Promise<Reply> {
  const all = { 'content-type': type, ...headers }
  return readReply(await fetch(url, { method: 'POST', body, headers: all, redirect: 'manual' }))
}

/** A JSON call over the portal's webhook. */
export const call = (portal: EmulatedPortal, method: string, params: object = {}): Promise<Reply> =>
  post(portal.webhookUrl + method, JSON.stringify(params))

/** The `result` of a batch. */
export interface BatchResult {
  readonly result: { readonly [key: string]: unknown }
  readonly result_error: { readonly [key: string]: { readonly error: string; readonly error_description: string } }
  readonly result_total: { readonly [key: string]: number }
  readonly result_next: { readonly [key: string]: number }
  readonly result_time: { readonly [key: string]: { readonly [name: string]: number } }
}

export async function batch(portal: EmulatedPortal, cmd: object, halt: unknown = 0): Promise<BatchResult> {
  const { body } = await call(portal, 'batch', { halt, cmd })
  return body.result
}
