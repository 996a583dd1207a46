// Reads an HTTP request as Bitrix24's REST server does: URL forms, merged parameters, where the token is (protocol.md, 1.1 to 1.3).
// Must stay true: an unreadable body is an empty one, never an error; the verb does not matter.
import type { IncomingMessage } from 'node:http'
import type { PhpParams } from './method.ts'
import { parseQuery } from './php.ts'

const MAX_BODY_BYTES = 10 * 1024 * 1024

export interface RestRequest {
  /** As spelled, without a format suffix; undefined when the path is none of the forms. */
  readonly method: string | undefined
  readonly webhook: { readonly userId: string; readonly secret: string } | undefined
  readonly accessToken: string | undefined
  /** Query overlaid by body, without the token. */
  readonly params: PhpParams
}

/** The path with duplicate slashes collapsed and without a trailing one. */
export const cleanPath = (path: string): string => path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')

/** The body as text; undefined when it is larger than the front of a portal takes. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  let chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    // Read on to the end: leaving early would break the connection, and the 413 would never arrive.
    if (size > MAX_BODY_BYTES) chunks = []
    else chunks.push(chunk)
  }
  return size > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString()
}

/** Query and body of a request as PHP and Bitrix merge them. */
export function readParams(request: IncomingMessage, querystring: string, body: string): PhpParams {
  const params = parseQuery(querystring)
  if (request.method !== 'POST' || body === '') return params
  const type = (request.headers['content-type'] ?? '').replace(/;.*$/, '').trim().toLowerCase()
  return { ...params, ...(type === 'application/json' ? readJson(body) : parseQuery(body)) }
}

function readJson(text: string): PhpParams {
  try {
    const value: unknown = JSON.parse(text)
    // A list is an array with the keys 0, 1, …; a scalar is dropped.
    return typeof value === 'object' && value !== null ? ({ ...value } as PhpParams) : {}
  } catch {
    return {}
  }
}

/** `path`: cleaned, below and including `/rest`. */
export function readRequest(path: string, authorization: string | undefined, allParams: PhpParams): RestRequest {
  const segments = path.split('/').slice(2)
  const inWebhook = segments.length === 3
  const [userId = '', secret = ''] = segments
  const method = (inWebhook || segments.length === 1) && segments[0] !== '' ? segments.at(-1) : undefined
  const { auth, access_token, ...params } = allParams
  return {
    method: method?.replace(/\.(json|xml)$/i, ''),
    webhook: inWebhook ? { userId, secret } : undefined,
    accessToken: bearer(authorization) ?? scalar(auth) ?? scalar(access_token),
    params: inWebhook ? allParams : params
  }
}

const bearer = (header: string | undefined): string | undefined => /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1]

const scalar = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
