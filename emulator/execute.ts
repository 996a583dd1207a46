// Takes one REST request through the portal: worker, method, credentials, limits, handler, envelope (protocol.md, 1.4).
// Must stay true: an unknown method is told before credentials are looked at; a request beyond its time cap stops where it is.
import { runBatch } from './batch.ts'
import { createPerform, failed, type Hit, methodNotFound, operatingKey, operationTimeLimit, timeBlock } from './call.ts'
import type { Fault } from './faults.ts'
import { type Credential, RestError } from './method.ts'
import { createOperatingHit } from './operating-hit.ts'
import { encodeJson } from './php.ts'
import { count, type PortalParts } from './portal-parts.ts'
import type { RestRequest } from './request.ts'
import type { Refusal } from './settings.ts'
import { Execution, Interrupted } from './workers.ts'

export interface Answer {
  readonly status: number
  readonly type: 'application/json; charset=utf-8' | 'text/html'
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const JSON_TYPE = 'application/json; charset=utf-8'

export const jsonAnswer = (status: number, body: object): Answer => ({
  status,
  type: JSON_TYPE,
  body: encodeJson(body)
})

const TITLES: Readonly<Record<number, string>> = {
  200: 'Bitrix24',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Request Entity Too Large',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out'
}

/** A page of the portal's front server. */
export function htmlAnswer(status: number): Answer {
  const title = `${status} ${TITLES[status] ?? ''}`.trim()
  const body = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`
  return { status, type: 'text/html', body }
}

const REFUSALS: Readonly<Record<Refusal, readonly [status: number, code: string, text: string]>> = {
  PORTAL_DELETED: [410, 'PORTAL_DELETED', 'Portal was deleted'],
  OVERLOAD_LIMIT: [503, 'OVERLOAD_LIMIT', 'REST API is blocked due to overload.'],
  PAYMENT_REQUIRED: [401, 'PAYMENT_REQUIRED', 'Subscription has been ended'],
  NO_REST_PLAN: [403, 'ACCESS_DENIED', 'REST is available only on commercial plans.'],
  authorization_error: [401, 'authorization_error', 'Unable to authorize user'],
  user_access_error: [403, 'user_access_error', 'The user does not have access to the application.'],
  ERROR_OAUTH: [401, 'ERROR_OAUTH', 'Application not installed'],
  // Passing: the portal did not reach its authorization server (rest's lib/oauth/auth.php).
  CONNECTION_ERROR: [401, 'CONNECTION_ERROR', 'Error connecting to authorization server']
}

export const tooManyRequests = () =>
  jsonAnswer(503, failed(new RestError(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests')).body)

const failure = ({ settings }: PortalParts, status: number, body: Readonly<Record<string, unknown>>): Answer => {
  const { error, error_description } = body
  return jsonAnswer(status, settings.errorObjects ? errorObject(error, error_description) : body)
}

const errorObject = (code: unknown, message: unknown) => ({ error: { code, message } })

/** What REST 3.0 says when something breaks inside (protocol.md, 1.9). */
export const objectError = () =>
  jsonAnswer(400, errorObject('BITRIX_REST_V3_EXCEPTION_INTERNALEXCEPTION', 'Internal error'))

const PHP_WARNING =
  '<br />\n<b>Warning</b>:  Undefined array key "VALUE" in <b>/home/bitrix/www/local/php_interface/init.php</b> on line <b>42</b><br />\n'

/** The answer of a portal that prints PHP's warnings: the text is in front, so PHP has sent its own content type by then. */
export const warned = ({ status, body, headers }: Answer): Answer => ({
  status,
  type: 'text/html',
  body: PHP_WARNING + body,
  ...(headers && { headers })
})

/** Executes a request; undefined when a restart of the portal swallowed it. */
export async function execute(
  parts: PortalParts,
  request: RestRequest,
  fault: Fault | undefined
): Promise<Answer | undefined> {
  const overAt = parts.clock() + parts.settings.requestSeconds * 1000
  try {
    return await parts.workers.run(async () => {
      // The front's time limit counts the wait for a worker too: what comes too late is not begun.
      const left = overAt - parts.clock()
      if (left <= 0) return htmlAnswer(504)
      const execution = new Execution(parts.clock, left, commandsBefore(fault))
      parts.executions.add(execution)
      try {
        if (fault?.kind === 'late') await execution.pause(fault.ms ?? 0)
        return await process(parts, request, execution, fault)
      } finally {
        parts.executions.delete(execution)
      }
    })
  } catch (cause) {
    if (cause instanceof RestError) return failure(parts, cause.status, failed(cause).body)
    if (!(cause instanceof Interrupted)) throw cause
    return cause.why === 'restart' ? undefined : htmlAnswer(cause.why === 'cap' ? 504 : 502)
  }
}

function commandsBefore(fault: Fault | undefined): number {
  return fault?.executes ?? (fault?.kind === 'restart' ? 0 : Number.POSITIVE_INFINITY)
}

/** @throws {RestError | Interrupted} */
async function process(
  parts: PortalParts,
  request: RestRequest,
  execution: Execution,
  fault: Fault | undefined
): Promise<Answer> {
  const name = request.method?.toLowerCase()
  const isBatch = name === 'batch'
  if (name === undefined || !(isBatch || parts.methods.has(name))) throw methodNotFound()
  const credential = authenticate(parts, request, fault)
  if (request.params.token !== undefined && request.params.token !== null) {
    throw new RestError(403, 'ACCESS_DENIED', 'Access denied! Link check failed')
  }
  if (fault?.kind === 'operating-limit') throw operationTimeLimit()

  const operating = createOperatingHit(parts.operating, () => parts.settings.operating, execution.startedAt)
  const hit: Hit = { credential, execution, operating, inBatch: isBatch, fault }
  try {
    if (isBatch) return await processBatch(parts, request, hit)
    const outcome = await createPerform(parts, hit)(name, request.params)
    const answer = outcome.ok ? jsonAnswer(200, outcome.body) : failure(parts, outcome.status, outcome.body)
    return withHeaders(credential, answer)
  } finally {
    operating.finish()
  }
}

/** @throws {RestError | Interrupted} */
async function processBatch(parts: PortalParts, request: RestRequest, hit: Hit): Promise<Answer> {
  const { credential, execution, operating, fault } = hit
  const { startedAt } = execution
  const { batchWeight } = parts.settings.operating
  const key = operatingKey(credential, 'batch')
  if (batchWeight > 0 && operating.blocked(key, parts.clock())) {
    count(parts.stats.limited, 'batch')
    throw operationTimeLimit()
  }
  parts.stats.batches += 1
  operating.begin(key, startedAt)
  const omit = fault?.kind === 'missing-result' ? (fault.command ?? 0) : -1
  let finishedAt = startedAt
  let result: object
  try {
    result = await runBatch(request.params, createPerform(parts, hit), omit)
  } finally {
    finishedAt = parts.clock()
    operating.count(key, (execution.workedMs() * batchWeight) / 1000)
  }
  const time = timeBlock(parts, startedAt, finishedAt, operating.read(key, finishedAt))
  return withHeaders(credential, jsonAnswer(200, { result, time }))
}

/** @throws {RestError} */
function authenticate(
  { settings, credentials }: PortalParts,
  request: RestRequest,
  fault: Fault | undefined
): Credential {
  if (settings.refusal !== undefined) throw new RestError(...REFUSALS[settings.refusal])
  if (fault?.kind === 'expired-token') {
    throw new RestError(401, 'expired_token', 'The access token provided has expired.')
  }
  if (fault?.kind === 'connection-error') throw new RestError(...REFUSALS.CONNECTION_ERROR)
  const { webhook, accessToken } = request
  return webhook === undefined
    ? credentials.byToken(accessToken)
    : credentials.byWebhook(webhook.userId, webhook.secret)
}

const withHeaders = (credential: Credential, answer: Answer): Answer =>
  credential.type === 'application' ? { ...answer, headers: { 'X-Bitrix-Rest-Application': credential.id } } : answer
