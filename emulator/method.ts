// What one REST method of the emulated portal is: a name, the scope it needs and a handler.
// Must stay true: a handler sees decoded parameters and the acting person only; HTTP, credentials and limits are rest.ts's business.
import type { EntityName, PortalState } from './state.ts'

/** A user of the emulated portal. */
export interface Person {
  readonly id: number
  readonly name: string
  readonly lastName: string
  readonly admin: boolean
  /** CRM rights: everything, or nothing ("Access denied."). */
  readonly crm: 'full' | 'none'
}

/** By which credential a call came in. */
export interface Credential {
  readonly type: 'webhook' | 'application'
  /** Webhook id or client_id: the operating limit is counted per credential and method. */
  readonly id: string
  readonly scope: readonly string[]
  readonly person: Person
}

/** Decoded parameters: strings, numbers, booleans, null, and nested arrays and objects of these. */
export type PhpParams = { [name: string]: unknown }

export interface CallContext {
  readonly state: PortalState
  readonly credential: Credential
  readonly params: PhpParams
  /** Unix milliseconds. */
  readonly now: number
  /** Every method of the portal, for `methods` and `method.get`. */
  readonly methods: ReadonlyMap<string, Method>
  /** The text of the last failed write of this request, by entity: the module's entity objects are static. */
  readonly lastErrors: Map<EntityName, string>
}

export interface MethodResult {
  readonly result: unknown
  readonly next?: number
  readonly total?: number
}

export interface Method {
  /** As documented; matched without regard to case. */
  readonly name: string
  /** `null`: no scope needed. */
  readonly scope: string | null
  /** Only with an application's token (WRONG_AUTH_TYPE by webhook). */
  readonly applicationOnly?: boolean
  /** Synchronous on purpose: one command is atomic. @throws {RestError} */
  readonly handle: (context: CallContext) => MethodResult
}

/** An error reply. `code` may be the empty string (protocol.md, 1.6): most classic CRM errors have none. */
export class RestError extends Error {
  override readonly name = 'RestError'
  readonly status: number
  readonly code: string
  readonly extra: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, description: string, extra: Record<string, unknown> = {}) {
    super(description)
    this.status = status
    this.code = code
    this.extra = extra
  }
}
