// Request bodies: read before any route, whether it wants one or not, and never more than 64 kB of them.
// Must stay true: a body that is too large, unreadable or of a wrong type is refused before anything has been done.
import { bodyParser } from '@koa/bodyparser'
import type { Context, Middleware } from 'koa'
import { AppError, invalidInput, payloadTooLarge } from '../core/errors.ts'

const LIMIT = 64 * 1024

const unsupportedMediaType = (cause?: unknown): AppError =>
  new AppError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body as JSON with "Content-Type: application/json".', { cause })

/** What co-body, raw-body and zlib throw. */
const toAppError = (error: Error & { readonly status?: number }): AppError => {
  if (error.status === 413) return payloadTooLarge('64 kB', error)
  if (error.status === 415) return unsupportedMediaType(error)
  return invalidInput('The body cannot be read. Send valid JSON in UTF-8: an object.', error)
}

const parse = bodyParser({
  parsedMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  // Any other type is read as text and left alone: a route that wants a body asks for JSON.
  enableTypes: ['json', 'form', 'text'],
  extendTypes: { text: ['*/*'] },
  jsonLimit: LIMIT,
  formLimit: LIMIT,
  textLimit: LIMIT,
  onError(error) {
    throw toAppError(error)
  }
})

const hasBody = (ctx: Context): boolean =>
  ctx.get('Transfer-Encoding') !== '' || (ctx.request.length !== undefined && ctx.request.length > 0)

/** @throws {AppError} PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_INPUT */
export const readBodies = (): Middleware =>
  async function readBodies(ctx, next) {
    if (!hasBody(ctx)) return next()
    if ((ctx.request.length ?? 0) > LIMIT) throw payloadTooLarge('64 kB')
    if (ctx.get('Content-Type') === '') throw unsupportedMediaType()
    await parse(ctx, next)
  }

/** @throws {AppError} UNSUPPORTED_MEDIA_TYPE */
export const demandJson = (ctx: Context): void => {
  if (hasBody(ctx) && !ctx.is('application/json')) throw unsupportedMediaType()
}
