// One call of one method: rights, operating limit, service time, handler, `time` block (protocol.md, 1.4 to 1.6).
// Must stay true: a handler runs when its service time has elapsed, in one turn; what it throws is an error reply, never a crash.
import type { Outcome, Perform } from './batch.ts'
import { type Fault, refuseRows } from './faults.ts'
import {
  type CallContext,
  type Credential,
  type Method,
  type MethodResult,
  type PhpParams,
  RestError
} from './method.ts'
import type { OperatingHit } from './operating-hit.ts'
import { truthy } from './php.ts'
import { count, type PortalParts } from './portal-parts.ts'
import { portalTime } from './portal-time.ts'
import type { EntityName } from './state.ts'
import type { Execution } from './workers.ts'

/** The error envelope; it never has a `time` block (trap 48). */
export function failed(error: RestError): Outcome {
  const body = { error: error.code, error_description: error.message, ...error.extra }
  return { ok: false, status: error.status, body }
}

/** One request as its calls see it. */
export interface Hit {
  readonly credential: Credential
  readonly execution: Execution
  readonly operating: OperatingHit
  readonly inBatch: boolean
  readonly fault: Fault | undefined
}

/** By whom and under which name operating time is counted. */
export const operatingKey = (credential: Credential, name: string): string =>
  `${credential.type}:${credential.id}:${name}`

/** How calls are performed for one request. */
export function createPerform(parts: PortalParts, hit: Hit): Perform {
  const { methods, settings, stats, clock } = parts
  const { credential, execution, operating, fault, inBatch } = hit
  const lastErrors = new Map<EntityName, string>()

  return (spelling, params) => {
    const name = spelling.toLowerCase()
    const method = methods.get(name)
    if (method === undefined) return failed(methodNotFound())
    const denied = whyDenied(method, credential, inBatch)
    if (denied !== undefined) return failed(denied)
    const batchCounts = inBatch && settings.operating.batchWeight > 0
    const key = operatingKey(credential, batchCounts ? 'batch' : name)
    const switchedOff = fault?.kind === 'batch-limit' && (fault.methods?.includes(name) ?? true)
    if (switchedOff || (!batchCounts && operating.blocked(key, clock()))) {
      count(stats.limited, method.name)
      return failed(operationTimeLimit())
    }
    const serviceMs = settings.speed.methodMs[name] ?? settings.speed.commandMs
    const waits = execution.spend(serviceMs)
    const handle = () => handled(parts, hit, { method, key, batchCounts, params, serviceMs, lastErrors })
    return waits === undefined ? handle() : waits.then(handle)
  }
}

export const methodNotFound = () => new RestError(404, 'ERROR_METHOD_NOT_FOUND', 'Method not found!')

export const operationTimeLimit = () =>
  new RestError(429, 'OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit.')

function whyDenied(method: Method, credential: Credential, inBatch: boolean): RestError | undefined {
  if (method.scope !== null && !allows(credential.scope, method.scope)) {
    const holder = credential.type === 'webhook' ? 'webhook' : 'access'
    const text = `The request requires higher privileges than provided by the ${holder} token`
    // Inside a batch this one error comes without a text (protocol.md, 1.7).
    return new RestError(401, 'insufficient_scope', inBatch ? '' : text)
  }
  if (method.applicationOnly === true && credential.type !== 'application') {
    return new RestError(
      403,
      'WRONG_AUTH_TYPE',
      'Current authorization type is denied for this method Application context required'
    )
  }
  return undefined
}

/** The narrower user scopes open the same methods (protocol.md, 6.6). */
function allows(granted: readonly string[], scope: string): boolean {
  return granted.includes(scope) || (scope === 'user' && granted.some(each => /^user_(brief|basic)$/.test(each)))
}

interface Call {
  readonly method: Method
  /** Whose operating time its `time` block shows. */
  readonly key: string
  /** The batch is counted instead of its commands. */
  readonly batchCounts: boolean
  readonly params: PhpParams
  readonly serviceMs: number
  readonly lastErrors: CallContext['lastErrors']
}

function handled(parts: PortalParts, { credential, execution, operating, fault }: Hit, call: Call): Outcome {
  const { state, stats, clock, methods, settings } = parts
  const { method, key, batchCounts, params, serviceMs, lastErrors } = call
  const startedAt = execution.commandAt
  const refuse = state.refuse
  if (fault?.kind === 'access-denied') state.refuse = refuseRows(fault.rows)
  count(stats.commands, method.name)
  if (!batchCounts) operating.begin(key, startedAt)
  let answer: MethodResult
  try {
    answer = method.handle({ state, credential, params, now: clock() + settings.clockAheadMs, methods, lastErrors })
  } catch (cause) {
    if (cause instanceof RestError) return failed(cause)
    return failed(new RestError(500, 'INTERNAL_SERVER_ERROR', String(cause)))
  } finally {
    state.refuse = refuse
  }
  // The nominal service time is what counts: timers of this process are not the portal's work.
  const finishedAt = serviceMs > 0 ? startedAt + serviceMs : clock()
  if (!batchCounts) operating.count(key, (finishedAt - startedAt) / 1000)
  if (isReturnedError(answer.result)) return { ok: false, status: 200, body: answer.result }
  const { result, next, total } = answer
  const shown =
    batchCounts && settings.operating.innerOperating === 'none' ? undefined : operating.read(key, finishedAt)
  const time = timeBlock(parts, startedAt, finishedAt, shown)
  return {
    ok: true,
    body: { result, ...(next !== undefined && { next }), ...(total !== undefined && { total }), time }
  }
}

/** A handler that returns an error instead of throwing it gets status 200 and no `time` (protocol.md, 1.6). */
function isReturnedError(result: unknown): result is PhpParams {
  if (typeof result !== 'object' || result === null || !('error' in result)) return false
  return truthy(result.error) && 'error_description' in result && truthy(result.error_description)
}

/**
 * Times in unix milliseconds, by our clock; told by the portal's. `shown`: the operating time that it tells of, if any.
 * In the whole form the portal subtracts a start that has lost its fraction: `duration` is up to 1 s too long, `finish` is exact.
 */
export function timeBlock(
  { settings, state }: PortalParts,
  start: number,
  finish: number,
  shown: ReturnType<OperatingHit['read']> | undefined
): object {
  const seconds = (ms: number) => Math.round(ms * 1000) / 1e6
  const told = (ms: number) => ms + settings.clockAheadMs
  const whole = settings.integerTimes
  const wholeStart = Math.floor(told(start) / 1000)
  const block = {
    start: whole ? wholeStart : seconds(told(start)),
    finish: seconds(told(finish)),
    duration: seconds(whole ? told(finish) - wholeStart * 1000 : finish - start),
    processing: whole ? Math.floor(told(finish) / 1000) - wholeStart : seconds(finish - start),
    date_start: portalTime(told(start), state.utcOffsetMinutes),
    date_finish: portalTime(told(finish), state.utcOffsetMinutes)
  }
  if (!settings.operating.on || shown === undefined) return block
  // Whole seconds as on the wire, unless the window is scaled down so far that a second would be coarse.
  const precise = settings.operating.windowSeconds < 60
  const resetAt = precise ? Math.round(told(shown.resetAt)) / 1000 : Math.floor(told(shown.resetAt) / 1000)
  return { ...block, operating_reset_at: resetAt, operating: shown.operating }
}
