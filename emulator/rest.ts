// The door of the emulated portal for machines: everything below /rest.
// Must stay true: the request bucket is in front of everything (one count per HTTP request), then faults, then the portal's work.
import { setTimeout as wait } from 'node:timers/promises'
import type { Context, Middleware } from 'koa'
import { commandsOf } from './batch.ts'
import { deliver, reset } from './deliver.ts'
import { type Answer, execute, htmlAnswer, objectError, tooManyRequests, warned } from './execute.ts'
import { changesData, type Fault, type FaultKind, type FaultRequest } from './faults.ts'
import { movedLocation } from './moved.ts'
import { count, type PortalParts } from './portal-parts.ts'
import { cleanPath, type RestRequest, readBody, readParams, readRequest } from './request.ts'

/** Answers /rest/…; everything else is left to the next middleware. */
export function restHandler(parts: PortalParts): Middleware {
  return async function answerRest(ctx, next) {
    const path = cleanPath(ctx.path)
    if (path !== '/rest' && !path.startsWith('/rest/')) return await next()

    ctx.respond = false
    if (ctx.method === 'OPTIONS') {
      return await deliver(ctx, { status: 200, type: 'text/html', body: '' }, undefined)
    }
    const body = await readBody(ctx.req)
    if (body === undefined) {
      await deliver(ctx, htmlAnswer(413), undefined)
      return
    }
    const params = readParams(ctx.req, ctx.querystring, body)
    await answerOne(parts, ctx, readRequest(path, ctx.get('authorization'), params))
  }
}

async function answerOne(parts: PortalParts, ctx: Context, request: RestRequest): Promise<void> {
  const { settings, stats } = parts
  stats.requests += 1
  if (settings.speed.latencyMs > 0) await wait(settings.speed.latencyMs / 2)
  const { answer, fault } = await answerAtPortal(parts, ctx, request)
  if (answer !== undefined) {
    if (settings.speed.latencyMs > 0) await wait(settings.speed.latencyMs / 2)
    if (fault?.kind !== 'reset-after') count(stats.answers, answer.status)
  }
  await deliver(ctx, answer, fault)
}

interface AtPortal {
  readonly answer: Answer | undefined
  readonly fault: Fault | undefined
}

async function answerAtPortal(parts: PortalParts, ctx: Context, request: RestRequest): Promise<AtPortal> {
  const { settings, bucket, faults, clock } = parts
  const location = movedLocation(ctx, settings.movedTo)
  if (location !== undefined) {
    return { answer: { ...htmlAnswer(302), body: '', headers: { Location: location } }, fault: undefined }
  }
  if (!bucket.admit(sourceOf(parts, ctx, request), clock())) return { answer: tooManyRequests(), fault: undefined }
  const fault = faults.draw(describe(request))
  return { answer: await answerUnder(parts, ctx, request, fault), fault }
}

const PAGES: { readonly [kind in FaultKind]?: number } = {
  'html-200': 200,
  'html-403': 403,
  'html-404': 404,
  'html-429': 429,
  'html-502': 502,
  'html-503': 503,
  'html-504': 504
}

async function answerUnder(
  parts: PortalParts,
  ctx: Context,
  request: RestRequest,
  fault: Fault | undefined
): Promise<Answer | undefined> {
  if (fault?.kind === 'query-limit') return tooManyRequests()
  if (fault?.kind === 'reset-before') return undefined
  if (fault?.kind === 'error-object') return objectError()
  if (fault?.kind === 'duplicate') return await executeTwice(parts, request, fault)
  const answer = await execute(parts, request, fault)
  if (fault?.kind === 'restart') {
    parts.restart(fault.downMs ?? 0)
    reset(ctx.req)
    return undefined
  }
  const page = fault === undefined ? undefined : PAGES[fault.kind]
  if (answer === undefined) return undefined
  if (page !== undefined) return htmlAnswer(page)
  return parts.settings.phpWarning || fault?.kind === 'php-warning' ? warned(answer) : answer
}

/** What delivers twice on the way (a proxy, a load balancer) does so because it lost patience, or an acknowledgement. */
async function executeTwice(parts: PortalParts, request: RestRequest, fault: Fault): Promise<Answer | undefined> {
  const first = execute(parts, request, fault)
  // Nobody may wait for the second delivery any more: it does not keep the process alive.
  const again = wait(fault.ms ?? parts.settings.requestSeconds * 100, undefined, { ref: false })
  const begins = fault.beside === true ? again : Promise.all([first, again])
  const second = begins.then(() => execute(parts, request, fault))
  if (fault.answered === 'first') return await first
  if (fault.answered !== 'none') return await second
  await begins
  return undefined
}

function sourceOf({ settings }: PortalParts, ctx: Context, request: RestRequest): string {
  const address = ctx.req.socket.remoteAddress ?? ''
  if (settings.bucket.by === 'address') return address
  return `${address} ${request.webhook?.secret ?? request.accessToken ?? ''}`
}

function describe({ method = '', params, accessToken }: RestRequest): FaultRequest {
  const name = method.toLowerCase()
  const commands = name === 'batch' ? commandsOf(params) : [name]
  return { method: name, commands, writes: commands.some(changesData), accessToken }
}
