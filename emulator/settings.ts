// Everything about an emulated portal that can be set, also while it runs: plan, speed, limits, switches.
// Must stay true: one live object per portal; every reader looks at it anew, so a change counts from the next request on.

/** `standard` and `enterprise` are cloud plans; `box` is an on-premise portal: no limits, no operating time in replies. */
export type Plan = 'standard' | 'enterprise' | 'box'

interface SpeedSettings {
  /** Round-trip time of the network, half before and half after the work. */
  latencyMs: number
  /** Service time of one command. */
  commandMs: number
  /** Service time by method (as documented, any letter case), where it differs from `commandMs`. */
  methodMs: Record<string, number>
  /** Requests that the portal works on at once; more wait in line. */
  workers: number
}

/** protocol.md, 3.1 */
export interface BucketSettings {
  on: boolean
  size: number
  drainPerSecond: number
  /** `address`: as Bitrix24 does, everyone on one source IP shares it. `credential`: also apart by webhook or token. */
  by: 'address' | 'credential'
}

/** protocol.md, 3.2, and anchors.md, 3.2 */
export interface OperatingSettings {
  on: boolean
  /** `window`: blocked while the sliding window holds more than the limit. `ban`: blocked for `banSeconds`, then zeroed. */
  model: 'window' | 'ban'
  limitSeconds: number
  windowSeconds: number
  banSeconds: number
  /** What the calls of a method in one request take together is not counted up to this much. */
  ignoreUpToSeconds: number
  /**
   * With which weight a batch is counted as a method of its own, instead of its commands; it is then refused as a whole.
   * 0: it never is, as on most portals; its commands are counted under their methods.
   */
  batchWeight: number
  /** What commands show of a batch that is counted itself: no operating time, or all of them that of the batch. */
  innerOperating: 'none' | 'batch'
}

/** The newest limiter (rest's loadlimiter.php, aae2a564; fidelity.md, F3). How far it is rolled out is not known. */
export const NEWEST_LIMITER: Pick<OperatingSettings, 'model' | 'limitSeconds' | 'banSeconds' | 'batchWeight'> = {
  model: 'ban',
  limitSeconds: 420,
  banSeconds: 300,
  batchWeight: 0.5
}

/** How events reach handlers (protocol.md, 5.4). */
export interface EventSettings {
  /** From the event to its request. */
  delayMs: number
  /** How often each event is sent: 2 duplicates, 0 loses it. */
  copies: number
}

/** Answers every REST call with one refusal, as an administrator or Bitrix24 itself can bring about (protocol.md, 1.7). */
export type Refusal =
  | 'PORTAL_DELETED'
  | 'OVERLOAD_LIMIT'
  | 'PAYMENT_REQUIRED'
  | 'NO_REST_PLAN'
  | 'authorization_error'
  | 'user_access_error'
  | 'ERROR_OAUTH'
  | 'CONNECTION_ERROR'

/** What calls get with the access token that came together with a refresh token which was used since. */
export type ReplacedToken = 'valid' | 'expired_token' | 'invalid_token' | 'NO_AUTH_FOUND'

export interface PortalSettings {
  speed: SpeedSettings
  bucket: BucketSettings
  operating: OperatingSettings
  /** How long one request may run before the front answers 504 and the work stops. */
  requestSeconds: number
  /** By how much the portal's clock is ahead of this machine's, negative where it is behind: in all that it says, nothing happens sooner or later for it. */
  clockAheadMs: number
  /**
   * `time` as portals send it since the end of 2025: `start` whole, so that `duration` and `processing` are up to 1 s too long
   * (fidelity.md, F1). False: the form of before, with exact fractions.
   */
  integerTimes: boolean
  /** The origin that this portal was renamed to: every REST call gets a 302 there. */
  movedTo: string | undefined
  refusal: Refusal | undefined
  /** Every error outside batches as REST 3.0 writes it: `{"error":{"code","message"}}` (protocol.md, 1.9). */
  errorObjects: boolean
  /** Every answer begins with a warning of PHP, as on portals that show errors. */
  phpWarning: boolean
  /** Life of an access token. */
  tokenSeconds: number
  /** Portals end such a token at once, under any of these names (fidelity.md, F6). */
  replacedToken: ReplacedToken
  events: EventSettings
  /** Codes of the placements that the portal offers; undefined: all that it knows. */
  placements: readonly string[] | undefined
  /** SERVER_ENDPOINT, APPLICATION_TOKEN, APPLICATION_SCOPE and URI when an application is opened: newer clouds only (trap 15). */
  newerFields: boolean
  /** The page around an application has GET parameters, as recorded in 2024: DEFAULT is then opened with the option `any`. */
  pageParameters: boolean
  /**
   * Fields that this portal leaves out of the forms that it posts, or sends empty: in openings by their name, also in the query
   * (`LANG`); in events as PHP spells them (`auth[expires_in]`, `data` for all of it).
   */
  formFields: Readonly<Record<string, 'absent' | 'empty'>>
}

/** What `configure` takes: any part; parts of `speed`, `bucket`, `operating` and `events` are merged into the present ones. */
export type SettingsChange = Partial<Omit<PortalSettings, 'speed' | 'bucket' | 'operating' | 'events'>> & {
  readonly speed?: Partial<SpeedSettings>
  readonly bucket?: Partial<BucketSettings>
  readonly operating?: Partial<OperatingSettings>
  readonly events?: Partial<EventSettings>
}

/** The documented settings of a plan, at no latency and no service time. */
export function settingsOfPlan(plan: Plan): PortalSettings {
  const enterprise = plan === 'enterprise'
  return {
    speed: { latencyMs: 0, commandMs: 0, methodMs: {}, workers: 8 },
    bucket: {
      on: plan !== 'box',
      size: enterprise ? 250 : 50,
      drainPerSecond: enterprise ? 5 : 2,
      by: 'address'
    },
    operating: {
      on: plan !== 'box',
      model: 'window',
      limitSeconds: 480,
      windowSeconds: 600,
      banSeconds: 300,
      ignoreUpToSeconds: 0.1,
      batchWeight: 0,
      innerOperating: 'none'
    },
    requestSeconds: 60,
    clockAheadMs: 0,
    integerTimes: true,
    movedTo: undefined,
    refusal: undefined,
    errorObjects: false,
    phpWarning: false,
    tokenSeconds: 3600,
    replacedToken: 'valid',
    events: { delayMs: 0, copies: 1 },
    placements: undefined,
    newerFields: true,
    pageParameters: false,
    formFields: {}
  }
}

/** Changes `settings` in place. @throws {RangeError} for a number that cannot be meant. */
export function changeSettings(settings: PortalSettings, change: SettingsChange): void {
  const { speed, bucket, operating, events, ...rest } = change
  const { clockAheadMs: _, ...amounts } = rest
  for (const part of [speed, bucket, operating, events, amounts]) check(part)
  if (speed?.methodMs !== undefined) check(speed.methodMs)
  if (speed?.workers !== undefined && speed.workers < 1) throw new RangeError('A portal needs at least one worker')
  Object.assign(settings, rest)
  Object.assign(settings.speed, speed)
  Object.assign(settings.bucket, bucket)
  Object.assign(settings.operating, operating)
  Object.assign(settings.events, events)
  settings.speed.methodMs = Object.fromEntries(
    Object.entries(settings.speed.methodMs).map(([method, ms]) => [method.toLowerCase(), ms])
  )
}

function check(part: object | undefined): void {
  for (const [name, value] of Object.entries(part ?? {})) {
    if (typeof value === 'number' && !(value >= 0)) throw new RangeError(`${name} must not be negative: ${value}`)
  }
}
