// One live SDK client per credential, tuned so that one call is one request and its raw answer comes back.
// Must stay true: no retry, no redirect, no proxy, no wait inside the SDK, however the clock is set; what comes out of here does not hold the secret.
import { ApiVersion, B24Hook, LoggerFactory, type RestrictionParams, type TypeHttp } from '@bitrix24/b24jssdk'
import { answerSeconds, PortalFailure } from '../core/portal.ts'
import type { Webhook } from '../core/webhook-url.ts'
import { createAgents } from './agents.ts'

/** An HTTP answer as it came, whatever its status; credentials in it are blotted out. */
export interface RawReply {
  readonly status: number
  /** The `Location` header of a redirect. */
  readonly location: string | undefined
  readonly body: string
}

/** A client with an endpoint and credentials; whoever uses it does not care which kind. */
export interface RestClient {
  /**
   * Sends one `batch` request, and lets the portal execute it at most once; all is over within `answerSeconds` of the call.
   * `cmd`: encoded commands by key.
   * Rejects with {PortalFailure}, or with the transport's own error, for failures.ts only: it may hold the secret.
   */
  batch(cmd: Readonly<Record<string, string>>, options: { readonly halt: boolean }): Promise<RawReply>
  /** Closes idle connections. */
  close(): void
}

export interface ClientOptions {
  /** How long a portal may go on working on one request; the answer is waited for a little longer (`answerSeconds`). */
  readonly requestSeconds: number
  /** Milliseconds, by a clock that nobody sets. */
  readonly now: () => number
}

/** Until when (by `now`) the answer to what begins now may be waited for. */
export const giveUpAt = ({ requestSeconds, now }: ClientOptions): number => now() + answerSeconds(requestSeconds) * 1000

/** Rides with the parameters of a request to where it is sent; JSON leaves symbols out. */
const WAIT_MS = Symbol('waitMs')

/** Decompressed: the transport counts what comes out of its decoder. The largest answer to a batch of ours is far below. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024

/**
 * The SDK's limiter as a bucket that is never empty and never filled. It refills by Date.now, so any rate of filling would take out of it when the
 * clock is set back; endless and at rate 0 it comes to the same whatever the clock says.
 * A fresh object per client: the SDK keeps and mutates `rateLimit` by reference (sdk.md, section 3).
 */
export const unrestricted = (): RestrictionParams => ({
  rateLimit: { burstLimit: Number.POSITIVE_INFINITY, drainRate: 0, adaptiveEnabled: false },
  operatingLimit: { windowMs: 600_000, limitMs: Number.MAX_SAFE_INTEGER, heavyPercent: 100 },
  adaptiveConfig: { enabled: false, thresholdPercent: 100, coefficient: 0, maxDelay: 0 },
  // Attempts, not repetitions; the only setting under which an ambiguous failure is never sent again (sdk.md, 0.3).
  maxRetries: 1,
  retryDelay: 0,
  retryOnNetworkError: false
})

/** An SDK client without its own ideas: one call, one request, one raw answer. */
export interface Transport {
  /**
   * Sends `batch` with these parameters, and waits for the answer until `until` (by `now`). What comes back may hold credentials.
   * @throws {PortalFailure} TIMED_OUT when nothing was sent
   */
  post(params: Readonly<Record<string, unknown>>, until: number): Promise<RawReply>
  close(): void
}

/**
 * Makes one SDK http client transparent. Every answer is handed through as a success whose `result` is the raw reply:
 * else the SDK would lose empty error codes, fail on answers without `time`, and send again after some 401s (sdk.md, 0).
 */
export const createTransport = (sdk: TypeHttp, { now }: Pick<ClientOptions, 'now'>): Transport => {
  const agents = createAgents()
  const axios = sdk.ajaxClient
  Object.assign(axios.defaults, agents, {
    timeout: 0, // it counts silence on the socket only: an answer that trickles would never end
    maxRedirects: 0,
    proxy: false,
    maxContentLength: MAX_REPLY_BYTES,
    maxBodyLength: MAX_REPLY_BYTES,
    responseType: 'text',
    transformResponse: [(body: unknown) => body],
    validateStatus: () => true
  })
  axios.interceptors.request.use(config => {
    config.signal = AbortSignal.timeout(config.data[WAIT_MS])
    return config
  })
  axios.interceptors.response.use(response => {
    const location: unknown = response.headers['location']
    const reply: RawReply = {
      status: response.status,
      location: typeof location === 'string' ? location : undefined,
      body: String(response.data ?? '')
    }
    return { ...response, status: 200, data: { result: reply, time: {} } }
  })
  sdk.setLogger(LoggerFactory.createNullLogger()) // its methods return promises, which the SDK needs (sdk.md, 0.8)
  return {
    async post(params, until) {
      const left = Math.ceil(until - now()) // timers take whole milliseconds
      // 'lost': an earlier sending may have been executed after all.
      if (left <= 0)
        throw new PortalFailure('lost', 'TIMED_OUT', 'The request could not be sent in time. Try again later.')
      const answer = await sdk.call<RawReply>('batch', { ...params, [WAIT_MS]: left })
      const reply = answer.getData()?.result
      if (reply === undefined) throw new Error('The SDK returned no answer')
      return reply
    },
    close() {
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
    }
  }
}

/** A client that acts with a webhook's rights. */
export const createWebhookClient = (webhook: Webhook, options: ClientOptions): RestClient => {
  const { host, userId, secret, endpoint } = webhook
  const hook = new B24Hook({ b24Url: `https://${host}`, userId, secret }, { restrictionParams: unrestricted() })
  // B24Hook forces https and drops :80 and :443; its map of addresses is live (sdk.md, section 2).
  hook.getTargetOriginWithPath().set(ApiVersion.v2, endpoint)
  // The warning is about secrets in browsers; this is a server.
  hook.offClientSideWarning()
  // The path goes with the secret; PHP escapes its slashes.
  const traces = new RegExp(String.raw`(\\?/rest\\?/${userId}\\?/)?${secret}`, 'g')
  const transport = createTransport(hook.getHttpClient(ApiVersion.v2), options)
  return {
    async batch(cmd, { halt }) {
      const reply = await transport.post({ halt: halt ? 1 : 0, cmd }, giveUpAt(options))
      return { ...reply, body: reply.body.replace(traces, '***') }
    },
    close: transport.close
  }
}
