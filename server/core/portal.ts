// What the core asks of a portal: execute a batch of commands and say truthfully what became of each.
// Must stay true: nothing here knows the SDK, HTTP or tokens; an outcome never claims more than is certain.

/** Parameters of a REST method: nested plain data as Bitrix24 takes it. */
export type Params = { readonly [name: string]: unknown }

/**
 * One REST method call inside a batch.
 * `key` is unique in its batch and starts with a letter (PHP would turn keys 0..n-1 into a list).
 * Later commands of a batch may refer to the result of an earlier one: `$result[<key>]`.
 */
export interface Command {
  readonly key: string
  readonly method: string
  readonly params: Params
}

/** What became of one command. */
export type CommandOutcome =
  /** Executed. `total` and `next` are present where the method returned them (lists). */
  | { readonly kind: 'ok'; readonly result: unknown; readonly total?: number; readonly next?: number }
  /** The portal looked at this command and refused it for good (access denied, validation). Nothing was applied. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** A limit stopped it before execution. Not applied: send it again when the limit allows. */
  | { readonly kind: 'limited'; readonly code: 'OPERATION_TIME_LIMIT' | 'QUERY_LIMIT_EXCEEDED' }
  /** Not reached, because `halt` stopped the batch at an earlier error. Not applied. */
  | { readonly kind: 'skipped' }
  /** Not applied, and no other command of this run can be: a right, a scope or the plan is missing. A person must act. */
  | { readonly kind: 'blocked'; readonly code: string; readonly message: string }
  /** The reply does not say. It may or may not have been applied. */
  | { readonly kind: 'unknown'; readonly message: string }

/** The portal's own measurement of one executed command. */
export interface CommandTime {
  /** Wall seconds that the portal spent on the command. */
  readonly duration: number
  /** Seconds of operating time that its method has used up in the current window; absent where the portal does not count. */
  readonly operating?: number
  /**
   * When the oldest part of the window falls out, by the portal's own clock, which nobody compares with ours: it tells one window from another.
   * Absent where the portal does not count.
   */
  readonly operatingResetAt?: number
  /** Seconds from the end of the answer until then, both by the portal's clock; absent where it does not say. */
  readonly operatingResetIn?: number
}

/** Bitrix24 takes no more commands in one batch. */
export const COMMANDS_PER_BATCH = 50

/** A portal's answer to a batch: an outcome for every command sent, by key. */
export interface BatchReply {
  readonly outcomes: ReadonlyMap<string, CommandOutcome>
  /** By key; only commands that were executed. */
  readonly times: ReadonlyMap<string, CommandTime>
  /** Wall seconds that the portal says it spent on the whole request. */
  readonly duration: number
  /** Unix ms by the portal's own clock; undefined where it does not say. */
  readonly finishedAt: number | undefined
}

/** Why a whole request failed, as far as the next step depends on it. */
export type FailureKind =
  /** 503 QUERY_LIMIT_EXCEEDED: too many requests. */
  | 'intensity'
  /** 429 OPERATION_TIME_LIMIT for the whole request. */
  | 'operating'
  /** No connection was made (refused, DNS): the portal never saw the request. */
  | 'unreachable'
  /** The connection or the answer was lost on the way (reset, timeout, 5xx page, truncated or unreadable body). */
  | 'lost'
  /** The portal refuses us altogether: wrong or revoked credentials, missing scope, plan without REST, deleted portal. */
  | 'blocked'

/**
 * The only error that `Portal.execute` throws.
 * `applied: 'no'` = certain that no command was executed; `'unknown'` = never send writes again blindly: what was lost always is,
 * and every answer that Bitrix24 did not give itself, as something on the way may give it when the portal has done its work.
 * `message` is safe to show: no secret is in it.
 */
export class PortalFailure extends Error {
  override readonly name = 'PortalFailure'
  readonly kind: FailureKind
  readonly code: string
  readonly applied: 'no' | 'unknown'

  constructor(
    kind: FailureKind,
    code: string,
    message: string,
    options: ErrorOptions & { readonly applied?: 'unknown' } = {}
  ) {
    super(message, options)
    this.kind = kind
    this.code = code
    this.applied = kind === 'lost' ? 'unknown' : (options.applied ?? 'no')
  }
}

/**
 * How long (seconds) an answer is waited for, repeats inside a client included: a little longer than a request can last, 65 s for the cloud's 60 s.
 * What was not answered by then is lost.
 */
export const answerSeconds = (requestSeconds: number): number => requestSeconds + Math.max(0.1, requestSeconds / 12)

/** One Bitrix24 portal, seen with one person's rights. */
export interface Portal {
  /** Stable identity: `member_id`, or the host[:port] of a webhook. One run at a time per id. */
  readonly id: string
  /** Host[:port] as people know it; what `confirm` must repeat. */
  readonly host: string
  /**
   * Sends 1..50 commands as one `batch` request. It is repeated only after an answer which says that nothing was executed (expired token, portal moved),
   * and all is over within `answerSeconds` of the call; nothing ambiguous is ever repeated.
   * With `halt`, the portal stops at the first error; the commands behind it come back as `skipped`.
   * @throws {PortalFailure} when there is no readable answer to the request as a whole
   */
  execute(commands: readonly Command[], options: { readonly halt: boolean }): Promise<BatchReply>
}
