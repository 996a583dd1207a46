// Structured logs, one JSON object a line.
// Must stay true: secrets are masked at every depth, in keys, in texts and in errors with their causes.
import { type Logger, pino } from 'pino'

export type Log = Logger

const SECRET_KEYS =
  /^(auth|auth_id|refresh_id|access_?token|refresh_?token|application_?token|client_?secret|app_?secret|secret|authorization|cookie|password|session|webhook|database_?url)$/i

/** Texts that carry a secret wherever they stand: webhook paths, query parameters, bearer tokens, addresses with passwords. */
const SECRET_TEXTS: readonly [RegExp, string][] = [
  [/(\/rest\/(?:api\/)?\d+\/)[A-Za-z0-9_-]+/g, '$1***'],
  [
    /\b((?:secret|auth|access_token|refresh_token|AUTH_ID|REFRESH_ID|client_secret|application_token)=)[^&\s"']+/gi,
    '$1***'
  ],
  [/\b(Bearer\s+)[A-Za-z0-9._~+/=-]+/gi, '$1***'],
  [/(\w+:\/\/[^:@\s/]*:)[^@\s/]+(@)/g, '$1***$2']
]

const maskText = (text: string): string =>
  SECRET_TEXTS.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text)

/** A copy without secrets; errors become plain objects with their causes. */
export const mask = (value: unknown, seen = new Set<unknown>()): unknown => {
  if (typeof value === 'string') return maskText(value)
  if (typeof value !== 'object' || value === null) return value
  if (seen.has(value)) return '[circular]'
  seen.add(value)
  if (value instanceof Error) {
    const { name, message, stack, cause } = value
    const code = 'code' in value && typeof value.code === 'string' ? { code: value.code } : {}
    return {
      type: name,
      ...code,
      message: maskText(message),
      stack: maskText(stack ?? ''),
      ...(cause === undefined ? {} : { cause: mask(cause, seen) })
    }
  }
  if (Array.isArray(value)) return value.map(item => mask(item, seen))
  if ('toJSON' in value && typeof value.toJSON === 'function') return mask(value.toJSON(), seen)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET_KEYS.test(key) ? '***' : mask(item, seen)])
  )
}

/** `destination`: where lines go; standard output by default. */
export const createLog = (level: string, destination?: { write(line: string): void }): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: label => ({ level: label }),
        log: fields => mask(fields) as Record<string, unknown> // an object stays an object
      },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map(arg => (typeof arg === 'string' ? maskText(arg) : arg)) as typeof args)
        }
      },
      serializers: { err: error => mask(error) }
    },
    destination ?? pino.destination(1)
  )
