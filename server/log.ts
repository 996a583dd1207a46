// Structured logs, one JSON object a line.
// Must stay true: secrets are masked at every depth, in keys, in texts and in errors with their causes.
import { type Logger, pino } from 'pino'

/** Without `child`: pino formats its bindings by no rule of ours. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

// pino's own `redact` masks exactly one level for each star (stack.md, T12): so everything is copied and masked here.
const SECRET_KEYS =
  /^(auth|auth_?id|refresh_?id|bearer|session|webhook|app_?sid|database_?url)$|(token|secret|authorization|cookie|password)$/i

/** Also at the end of longer names: BITRIX_CLIENT_SECRET. */
const SECRET_NAMES =
  '\\w*(?:secret|auth|auth_?id|refresh_?id|(?:access|refresh|application|app)_?token|app_sid|password)'

/** Texts that carry a secret wherever they stand: webhook paths, parameters, JSON, printed objects, headers, addresses with passwords. */
const SECRET_TEXTS: readonly [RegExp, string][] = [
  [/(rest(?:\/|%2F)(?:api(?:\/|%2F))?\d+(?:\/|%2F))[A-Za-z0-9_-]+/gi, '$1***'],
  [new RegExp(`\\b(${SECRET_NAMES}(?:\\]|%5D)?=["']?)[^&\\s"']+`, 'gi'), '$1***'],
  [new RegExp(`\\b(${SECRET_NAMES}(?:\\]|%5D)?%3D)(?:(?!%26)[^&\\s"'])+`, 'gi'), '$1***'],
  // A quote in JSON inside JSON is escaped itself.
  [new RegExp(`\\b(${SECRET_NAMES}\\\\*["']?\\s*:\\s*")(?:\\\\.|[^"\\\\])*`, 'gi'), '$1***'],
  [new RegExp(`\\b(${SECRET_NAMES}\\\\*["']?\\s*:\\s*')(?:\\\\.|[^'\\\\])*`, 'gi'), '$1***'],
  [new RegExp(`\\b(${SECRET_NAMES}\\\\*["']?\\s*:\\s*\\\\+["'])[^"'\\\\]*`, 'gi'), '$1***'],
  [/\b(Authorization\s*[:=]\s*(?:(?:Bearer|Basic)\s+)?)[^\s"',]+/gi, '$1***'],
  [/\b(Bearer\s+)[A-Za-z0-9._~+/=-]+/gi, '$1***'],
  [/\b(\w+:\/\/[^:@\s/]*:)[^@\s/]+(@)/g, '$1***$2']
]
const DEEPEST = 10

const maskText = (text: string): string =>
  SECRET_TEXTS.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text)

/** A copy without secrets; errors become plain objects with their causes. `above`: the objects around this one. */
export const mask = (value: unknown, above: readonly unknown[] = []): unknown => {
  if (typeof value === 'string') return maskText(value)
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[circular]'
  if (above.length >= DEEPEST) return '[deep]'
  const inside = [...above, value]
  if (value instanceof Error) {
    const { name, message, stack, cause } = value
    const code = 'code' in value && typeof value.code === 'string' ? { code: value.code } : {}
    return {
      type: name,
      ...code,
      message: maskText(message),
      stack: maskText(stack ?? ''),
      ...(cause === undefined ? {} : { cause: mask(cause, inside) }),
      ...(value instanceof AggregateError ? { errors: mask(value.errors, inside) } : {})
    }
  }
  if (Array.isArray(value)) return value.map(item => mask(item, inside))
  if ('toJSON' in value && typeof value.toJSON === 'function') return mask(value.toJSON(), inside)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET_KEYS.test(key) ? '***' : mask(item, inside)])
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
          // pino takes a bare error's message as the line's text, past every formatter.
          const [first, ...rest] = args as unknown[]
          const all =
            first instanceof Error ? [{ err: first }, ...(rest.length > 0 ? rest : [first.message])] : [first, ...rest]
          const masked = all.map((arg, index) => (index === 0 && typeof arg === 'object' ? arg : mask(arg)))
          method.apply(this, masked as typeof args)
        }
      },
      // The formatter has made plain data of errors already.
      serializers: { err: error => error }
    },
    destination ?? pino.destination(1)
  )
