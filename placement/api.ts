// Calls of our own API.
// Must stay true: every call carries the session or the secret in a header, and every failure is an ApiError with a code.
import type { EntityPlural } from '../server/core/entities.ts'
import type { RecordItems, RecordOrder, RecordsPage } from '../server/core/records.ts'
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { RunsPage } from '../server/core/run/runs.ts'
import type { OperationEstimate } from '../server/core/speed/estimate.ts'
import { readEvents } from './event-reader.ts'
import type { Language } from './messages.ts'

export interface Items {
  readonly companies: RecordItems['company']
  readonly contacts: RecordItems['contact']
}

export type StartInput =
  | { readonly kind: 'create'; readonly companies: number; readonly contacts: number; readonly locale: string }
  /** Only contacts, for a company that is there. */
  | { readonly kind: 'create'; readonly companyId: number; readonly contacts: number; readonly locale: string }
  | { readonly kind: 'clear'; readonly scope: 'created' | 'all'; readonly confirm?: string }

export type RunAction = 'cancel' | 'resume' | 'retry'

/** What the portal's page hands over to prove the person: names as in the form that opens the application (protocol.md, 5.3). */
export interface FrameGrant {
  /** Host of the portal. */
  readonly domain: string
  readonly form: URLSearchParams
}

/** `code` as in the contract; `NETWORK` where no server answered. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string
  /** 0 where no server answered. */
  readonly status: number
  /** With BUSY: the run that is active. */
  readonly run: RunSnapshot | undefined

  constructor(status: number, code: string, message: string, run?: RunSnapshot) {
    super(message)
    this.status = status
    this.code = code
    this.run = run
  }
}

export interface Api {
  /** A new session of a page in a portal's frame, for the one that is still valid. */
  renewSession(): Promise<string>
  /** The same when that one is over: the portal's grant proves the same person. */
  proveSession(grant: FrameGrant): Promise<string>
  /** The active run, or else the one that was started last. */
  latestRun(): Promise<RunSnapshot | null>
  run(runId: string, signal: AbortSignal): Promise<RunSnapshot>
  /** Newest first. `after`: the run before the first one of the page. */
  runs(after: string | null): Promise<RunsPage>
  /** Takes a run out of the history. */
  removeRun(runId: string): Promise<void>
  start(input: StartInput): Promise<RunSnapshot>
  /** What it would take, if it began now. */
  estimate(input: StartInput): Promise<OperationEstimate>
  act(runId: string, action: RunAction): Promise<RunSnapshot>
  records<K extends EntityPlural>(plural: K, order: RecordOrder, after: number | null): Promise<RecordsPage<Items[K]>>
  /** Null when there is none with this id. */
  record<K extends EntityPlural>(plural: K, id: number): Promise<Items[K] | null>
  /** Every rejected row, as a file. */
  rejections(runId: string, lang: Language): Promise<Blob>
  /** The current snapshot, then newer ones; ends with the stream. */
  progress(runId: string, signal: AbortSignal): AsyncGenerator<RunSnapshot>
}

interface ErrorBody {
  readonly error?: string
  readonly error_description?: string
  readonly run?: RunSnapshot
}

const refusal = async (response: Response): Promise<ApiError> => {
  // Our server says why in JSON; something in between may not.
  const body: ErrorBody = await response.json().catch(() => ({}))
  // Gateways answer so while our server is away.
  const away = body.error === undefined && [502, 503, 504].includes(response.status)
  return new ApiError(
    away ? 0 : response.status,
    body.error ?? (away ? 'NETWORK' : `HTTP_${response.status}`),
    body.error_description ?? response.statusText,
    body.run
  )
}

/**
 * `bearer`: the session or the secret, as it is now; null where none is needed. `reprove`: asked when the session is over; true when
 * there is another.
 */
export const createApi = (bearer: () => string | null, reprove = () => Promise.resolve(false)): Api => {
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    const token = bearer()
    if (token !== null) headers.set('Authorization', `Bearer ${token}`)
    try {
      return await fetch(path, { ...init, headers, cache: 'no-store' })
    } catch (error) {
      throw new ApiError(0, 'NETWORK', String(error))
    }
  }
  const accept = async (response: Response): Promise<Response> => {
    if (!response.ok) throw await refusal(response)
    return response
  }
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const token = bearer()
    const response = await send(path, init)
    // Refused as it is, so sending it again does nothing twice. Another request may have brought the new session already.
    const again = response.status === 401 && (bearer() !== token || (await reprove()))
    return accept(again ? await send(path, init) : response)
  }
  /** The answers are our own server's: their shape is the contract, shared with it as types. */
  const json = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await call(path, init)
    try {
      return (await response.json()) as T // see above
    } catch (error) {
      throw new ApiError(0, 'NETWORK', String(error))
    }
  }

  const post = <T>(path: string, body: StartInput): Promise<T> =>
    json(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body)
    })

  return {
    async renewSession() {
      return (await json<{ session: string }>('/api/session', { method: 'POST' })).session
    },
    async proveSession({ domain, form }) {
      const path = `/api/session?${new URLSearchParams({ DOMAIN: domain })}`
      const response = await accept(await send(path, { method: 'POST', body: form }))
      return ((await response.json()) as { session: string }).session // as above
    },
    async latestRun() {
      return (await json<{ run: RunSnapshot | null }>('/api/runs/latest')).run
    },
    run: (runId, signal) => json(`/api/runs/${runId}`, { signal }),
    async runs(after) {
      const page = await json<Partial<RunsPage>>(after === null ? '/api/runs' : `/api/runs?after=${after}`)
      return { runs: page.runs ?? [], next: page.next ?? null }
    },
    async removeRun(runId) {
      await call(`/api/runs/${runId}`, { method: 'DELETE' })
    },
    estimate: input => post('/api/runs/estimate', input),
    start: input => post('/api/runs', input),
    act: (runId, action) => json(`/api/runs/${runId}/${action}`, { method: 'POST' }),
    records: (plural, order, after) =>
      json(`/api/${plural}?limit=50&order=${order}${after === null ? '' : `&after=${after}`}`),
    async record<K extends EntityPlural>(plural: K, id: number) {
      // Pages are cut by id: the first record after the one before it.
      const { items } = await json<RecordsPage<Items[K]>>(`/api/${plural}?limit=1&after=${id - 1}`)
      return items.find(item => item.id === id) ?? null
    },
    rejections: async (runId, lang) => (await call(`/api/runs/${runId}/rejections.csv?lang=${lang}`)).blob(),
    async *progress(runId, signal) {
      const response = await call(`/api/runs/${runId}/progress`, { signal, headers: { Accept: 'text/event-stream' } })
      if (response.body === null) return
      for await (const data of readEvents(response.body)) yield JSON.parse(data) as RunSnapshot // as above
    }
  }
}
