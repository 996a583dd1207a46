// Errors → answers: JSON for programs, a page for people. The only place that does it.
// Must stay true: only messages that were written to be shown go out; the rest is logged and becomes INTERNAL_ERROR.
import type { Context, Middleware } from 'koa'
import { AppError, notFound, portalUnavailable } from '../core/errors.ts'
import { PortalFailure } from '../core/portal.ts'
import type { Log } from '../log.ts'
import { isNavigation, routePath } from './guard.ts'
import type { Translations } from './translate.ts'
import type { Views } from './views.ts'

/** Opened by Bitrix24 in a frame: whatever goes wrong there is shown to a person. */
const FRAMED_PATHS: ReadonlySet<string> = new Set(['/install', '/placement'])

/** Where the page's form for the secret goes. */
export const SECRET_PATH = '/secret'

/** Routes that stream; opened as a page they answer with one. */
const STREAMS = /^\/bitrix\/.*stream\/?$/i

/** Where only programs ask. */
const FOR_PROGRAMS = /^\/(api|bitrix)\//i

/** Typed into an address bar: the page itself, what is no address at all, and streams, by whatever browser. */
const isForPeople = (ctx: Context, { reason }: AppError): boolean =>
  ctx.path === '/' ||
  routePath(ctx) === SECRET_PATH ||
  reason === 'site' ||
  (STREAMS.test(ctx.path) && isNavigation(ctx)) ||
  (ctx.method === 'GET' && reason === 'address' && !FOR_PROGRAMS.test(ctx.path))

const internal = (cause: unknown): AppError =>
  new AppError(500, 'INTERNAL_ERROR', 'An error inside BitrixCorp; the log has the details. Try again.', { cause })

/** Any thrown thing as an error that may be shown. */
export const toAppError = (error: unknown): AppError => {
  if (error instanceof AppError) return error
  if (error instanceof PortalFailure) return portalUnavailable(error.code, error.message, error)
  return internal(error)
}

/** The JSON body of an error. */
export const errorBody = (error: AppError, translations: Translations, ctx: Context): Record<string, unknown> => ({
  error: error.code,
  error_description:
    error.code === 'BUSY' ? translations.in(translations.languageOf(ctx))('error.BUSY') : error.message,
  ...error.details
})

export const answerErrors = (log: Log, translations: Translations, views: Views): Middleware =>
  async function answerErrors(ctx, next) {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) {
        throw notFound('There is nothing at this address. The README lists the routes.', 'address')
      }
    } catch (thrown) {
      const error = toAppError(thrown)
      if (error.status >= 500) log.error({ err: error, method: ctx.method, path: ctx.path }, 'request failed')
      ctx.status = error.status
      if (error.retryAfter !== undefined) ctx.set('Retry-After', String(error.retryAfter))
      // A body that was not read to its end would be taken for the next request.
      if (error.status === 413) ctx.set('Connection', 'close')
      const isFramed = FRAMED_PATHS.has(routePath(ctx))
      const isPage = isFramed || (isForPeople(ctx, error) && ctx.accepts(['json', 'html']) === 'html')
      if (!isPage) {
        ctx.body = errorBody(error, translations, ctx)
        return
      }
      const t = translations.in(translations.languageOf(ctx))
      const key = [`error.${error.code}.${error.reason}`, `error.${error.code}`].find(translations.has)
      views.render(ctx, 'error.njk', {
        status: error.status,
        title: t('error.title'),
        message: key === undefined ? error.message : t(key),
        // The form sends the standalone secret, which is nobody's business in a portal.
        asksSecret: !isFramed && ['secret', 'wrong'].includes(error.reason ?? ''),
        isWrong: error.reason === 'wrong',
        home: !isFramed,
        start: null
      })
    }
  }
