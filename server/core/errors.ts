// Every failure that a user or a program can meet: one factory each, with a stable code and a sentence.
// Must stay true: the sentence says what happened and what to do, and holds no secret.

/** An error that may be shown outside. `status` is the HTTP status; `details` are extra members of the JSON body. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: string
  readonly status: number
  readonly expose = true
  readonly details: Readonly<Record<string, unknown>>
  /** Tells reasons apart that share a code; for pages, not sent. */
  readonly reason: string | undefined
  /** What would have been right; for the log, not sent. */
  readonly expected: string | undefined
  /** Whole seconds after which it is worth another try; undefined: nobody knows. */
  readonly retryAfter: number | undefined

  constructor(
    status: number,
    code: string,
    message: string,
    options: {
      cause?: unknown
      details?: Record<string, unknown>
      reason?: string | undefined
      expected?: string | undefined
      retryAfter?: number
    } = {}
  ) {
    super(message, { cause: options.cause })
    this.status = status
    this.code = code
    this.details = options.details ?? {}
    this.reason = options.reason
    this.expected = options.expected
    this.retryAfter = options.retryAfter
  }
}

export const invalidInput = (message: string, cause?: unknown): AppError =>
  new AppError(400, 'INVALID_INPUT', message, { cause })

export const forbidden = (message: string, reason?: 'host' | 'site' | 'secret' | 'wrong'): AppError =>
  new AppError(403, 'FORBIDDEN', message, { reason })

export const notFound = (message: string, reason?: 'address'): AppError =>
  new AppError(404, 'NOT_FOUND', message, { reason })

export const methodNotAllowed = (allowed: string): AppError =>
  new AppError(405, 'METHOD_NOT_ALLOWED', `This address answers only ${allowed}. Use that method.`)

export const payloadTooLarge = (limit: string, cause?: unknown): AppError =>
  new AppError(413, 'PAYLOAD_TOO_LARGE', `The request body is larger than ${limit}. Send a smaller one.`, { cause })

export const standaloneOff = (): AppError =>
  new AppError(
    404,
    'STANDALONE_OFF',
    'The standalone page is off, because no webhook is configured. Open the application inside Bitrix24, or set BITRIX_WEBHOOK_URL.'
  )

export const applicationOff = (): AppError =>
  new AppError(
    404,
    'APPLICATION_OFF',
    'No keys of a local application are configured. Set BITRIX_CLIENT_ID, BITRIX_CLIENT_SECRET and PUBLIC_URL, and start again.'
  )

/** Another run is active on the portal; `run` is its snapshot. */
export const busy = (run: unknown): AppError =>
  new AppError(409, 'BUSY', 'Сервис занят, попробуйте позже', { details: run === undefined ? {} : { run } })

/** The run itself ended `failed`; `run` is its final snapshot. */
export const runFailed = (message: string, run: unknown): AppError =>
  new AppError(502, 'RUN_FAILED', message, { details: { run } })

/** A start while the process ends. */
export const startsNothing = (): AppError =>
  new AppError(503, 'SERVER_STOPS', 'The server is stopping and starts nothing. Try again when it is back.')

/** The process ends before the run does; `run` is the run's last snapshot. */
export const serverStops = (runId: string, run: unknown): AppError =>
  new AppError(
    503,
    'SERVER_STOPS',
    `The server stops before the run has ended. The run goes on after the next start: GET /api/runs/${runId} tells how it is.`,
    { details: { run } }
  )

export const runNotResumable = (status: string): AppError =>
  new AppError(409, 'NOT_RESUMABLE', `Only an interrupted, failed or cancelled run can go on; this one is ${status}.`)

export const runNotActive = (status: string): AppError =>
  new AppError(409, 'NOT_ACTIVE', `Only a running run can be cancelled; this one is ${status}.`)

export const nothingToRetry = (): AppError =>
  new AppError(409, 'NOTHING_TO_RETRY', 'This run has no rejected rows to try again.')

/** Another run has these rows already; going on with that one keeps every row once. */
export const alreadyRetried = (runId: string): AppError =>
  new AppError(
    409,
    'ALREADY_RETRIED',
    `The rejected rows of this run were tried again by run ${runId}. Resume or retry that one.`
  )

/** A portal did not do what a page or a route needed. `code` is the portal's own code where it gave one. */
export const portalUnavailable = (code: string, message: string, cause?: unknown): AppError =>
  // The contract's codes are upper-case; Bitrix24's are not always.
  new AppError(502, code === '' ? 'PORTAL_ERROR' : code.toUpperCase(), message, { cause })

/** So many read a portal, or it is so slow, that a read could not begin in time. */
export const portalSlow = (): AppError =>
  new AppError(
    503,
    'PORTAL_SLOW',
    'The portal has not answered in time: it is slow, or too many people use it at once. Try again in a minute.',
    { retryAfter: 5 }
  )

/** Nobody reads this: whoever asked has closed the connection. */
export const visitorLeft = (): AppError =>
  new AppError(499, 'VISITOR_LEFT', 'The connection was closed before there was an answer. Ask again.')

export const STORAGE_GONE = 'STORAGE_GONE'

/** The embedded storage does not take or give what it should. */
export const storageFailed = (cause: unknown): AppError =>
  new AppError(
    507,
    'STORAGE_FAILED',
    'BitrixCorp cannot use its storage in DATA_DIR, and sends nothing that it could not remember. Free disk space or make DATA_DIR writable, then try again, or resume the run.',
    { cause }
  )

/** Another program holds a lock on the embedded storage: nothing is wrong with it, and nothing was written. */
export const storageLocked = (cause: unknown): AppError =>
  new AppError(
    503,
    'STORAGE_LOCKED',
    'Another program, such as a backup or a database shell, holds a lock on the database in DATA_DIR, so nothing can be written down now. Wait until that program is done, or end it; then try again, or resume the run.',
    { cause }
  )

/** The embedded storage is not in its place any more: what is written now would be lost. The process ends. */
export const storageGone = (path: string): AppError =>
  new AppError(
    500,
    STORAGE_GONE,
    `${path} was deleted or replaced while BitrixCorp worked with it. BitrixCorp sends nothing that it could not remember, and stops. Put the right DATA_DIR in its place and start it again.`
  )

/** The same of the database that DATABASE_URL names. */
export const databaseFailed = (cause: unknown): AppError =>
  new AppError(
    503,
    'DATABASE_FAILED',
    'BitrixCorp cannot use the database at DATABASE_URL, and sends nothing that it could not remember. Check that the server answers and takes writes, then try again, or resume the run.',
    { cause }
  )

/** The same failure, where it hit the first lines of a run and what became of them cannot be read. */
export const startUnknown = ({ status, code, cause }: AppError): AppError =>
  new AppError(
    status,
    code,
    'The storage did not answer, so it is not known whether the run has begun. Look at the list of runs (GET /api/runs) before you start it again.',
    { cause }
  )

/** Something stored is not what we have written. `message` names it. */
export const storageDamaged = (message: string, cause?: unknown): AppError =>
  new AppError(500, 'STORAGE_DAMAGED', message, { cause })

/** A page session that is not ours, was altered, has run out, or belongs to a removed installation. */
export const sessionInvalid = (cause?: unknown): AppError =>
  new AppError(401, 'SESSION_INVALID', 'The session of this page is over. Open the application in the portal again.', {
    cause
  })

export const adminRequired = (what: string): AppError =>
  new AppError(403, 'ADMIN_REQUIRED', `${what} needs an administrator of the portal. Ask one of them.`)

/** A handshake that does not prove itself. `expected`: what would have been right; for the log. */
export const grantRefused = (message: string, cause?: unknown, expected?: string): AppError =>
  new AppError(403, 'GRANT_REFUSED', message, { cause, expected })

/** More openings than the authorization server is asked about. `seconds`: until there is room again. */
export const tooManyOpenings = (seconds: number): AppError =>
  new AppError(
    429,
    'TOO_MANY_OPENINGS',
    'Too many requests to open the application have come at once. Wait a minute, then open it in the portal again.',
    { retryAfter: Math.max(1, Math.ceil(seconds)) }
  )

/** For the log. `dated`: its application token is right, so it is about the date; `there`: the portal says that the application is there. */
export const removalRefused = (dated: boolean, there: boolean): AppError =>
  new AppError(
    409,
    'REMOVAL_REFUSED',
    `The portal has sent that the application was removed, ${
      dated
        ? 'with the right application token but a date that does not fit'
        : 'without an application token that could be checked'
    }, and ${there ? 'still takes the access of the application' : 'could not be asked'}. It is asked again for some minutes; if the application is gone and nothing happens, open it once and remove it again.`
  )

export const notInstalledYet = (): AppError =>
  new AppError(
    403,
    'NOT_INSTALLED',
    'The application is not set up in this portal yet. Ask an administrator of the portal to open it once.'
  )

export const scopeMissing = (scopes: string): AppError =>
  new AppError(
    403,
    'SCOPE_MISSING',
    `The application lacks rights: ${scopes}. An administrator adds them in the portal under Developer resources, in the form of the local application, and opens it again.`
  )
