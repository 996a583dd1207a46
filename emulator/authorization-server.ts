// An authorization server's double on its own origin: one for each portal, or shared by several (protocol.md, 6).
// Must stay true: it knows the tokens of the attached portals only, and answers nothing but /oauth/token/ and app.info.
import Koa, { type Context } from 'koa'
import type { Credentials } from './credentials.ts'
import { deliver } from './deliver.ts'
import { type Answer, htmlAnswer, jsonAnswer } from './execute.ts'
import { listen, reportFaults } from './listener.ts'
import { answerAppInfo, answerTokenRequest, type ServerAnswer } from './oauth.ts'
import { cleanPath, readBody, readParams, readRequest } from './request.ts'

export interface AuthorizationServerOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
}

/** `reset-before`: nothing happens; `reset-after`: a refresh counts, its answer is lost; `hold`: it answers never. */
export type AuthorizationFault = 'reset-before' | 'reset-after' | 'hold' | 'html-502'

export interface AuthorizationServer {
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly stats: AuthorizationStats
  /** Hits the next `times` requests, by default one. */
  failNext(fault: AuthorizationFault, times?: number): void
  /** From now on the tokens of this portal count here. Answers how to end that. */
  attach(portal: Credentials): () => void
  close(): Promise<void>
}

export interface AuthorizationStats {
  /** All requests, preflights aside. */
  requests: number
  /** Refreshes that rotated a token. */
  refreshes: number
  /** Answers of app.info, of whatever kind. */
  appInfos: number
}

/** Starts an authorization server; resolves when it listens. */
export async function createAuthorizationServer(
  options: AuthorizationServerOptions = {}
): Promise<AuthorizationServer> {
  const portals = new Set<Credentials>()
  const stats: AuthorizationStats = { requests: 0, refreshes: 0, appInfos: 0 }
  const faults: AuthorizationFault[] = []

  const answerAt = async (ctx: Context): Promise<Answer> => {
    const path = cleanPath(ctx.path)
    const body = await readBody(ctx.req)
    if (body === undefined) return htmlAnswer(413)
    const params = readParams(ctx.req, ctx.querystring, body)
    if (path === '/oauth/token') {
      const answer = answerTokenRequest([...portals], params)
      if (answer.status === 200 && 'access_token' in answer.body) stats.refreshes += 1
      return toAnswer(answer)
    }
    if (!path.startsWith('/rest/')) return htmlAnswer(404)
    const request = readRequest(path, ctx.get('authorization') || undefined, params)
    if (request.method?.toLowerCase() !== 'app.info') {
      return jsonAnswer(404, { error: 'ERROR_METHOD_NOT_FOUND', error_description: 'Method not found!' })
    }
    stats.appInfos += 1
    return toAnswer(answerAppInfo([...portals], request.accessToken, Date.now()))
  }

  const app = new Koa()
  reportFaults(app)
  app.use(async function authorize(ctx) {
    ctx.respond = false
    if (ctx.method === 'OPTIONS') return await deliver(ctx, { status: 200, type: 'text/html', body: '' }, undefined)
    stats.requests += 1
    const fault = faults.shift()
    if (fault === 'html-502') return await deliver(ctx, htmlAnswer(502), undefined)
    const answer = fault === 'reset-before' || fault === 'hold' ? htmlAnswer(504) : await answerAt(ctx)
    await deliver(ctx, answer, fault === undefined ? undefined : { kind: fault })
  })
  const { origin, host, port, close } = await listen(app.callback(), {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0
  })
  return {
    origin,
    host,
    port,
    stats,
    failNext(fault, times = 1) {
      for (let at = 0; at < times; at += 1) faults.push(fault)
    },
    attach(portal) {
      portals.add(portal)
      return () => portals.delete(portal)
    },
    close
  }
}

const toAnswer = ({ status, body }: ServerAnswer): Answer => jsonAnswer(status, body)
