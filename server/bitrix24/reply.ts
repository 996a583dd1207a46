// The body of a REST answer, parsed at the door: envelopes, errors, and PHP's ways of printing maps.
// Must stay true: keeps exactly what the portal said per key, and looks at the keys that are asked for only; an empty error code is an error (protocol.md, trap 1).
import { z } from 'zod'

/** PHP prints a map as `{}`, but as a list when its keys are 0..n-1, and as `[]` when it is empty (protocol.md, 2.3). */
export interface PhpMap {
  has(key: string): boolean
  get(key: string): unknown
}

/** A view, no copy: a portal may send more keys than anybody asks for. */
const asMap = (value: object): PhpMap => {
  const has = (key: string): boolean => Object.hasOwn(value, key) && !(Array.isArray(value) && key === 'length')
  return { has, get: key => (has(key) ? (value as Record<string, unknown>)[key] : undefined) } // own members of what JSON.parse made
}
const phpMap = z.custom<object>(value => typeof value === 'object' && value !== null).transform(asMap)
const noEntries = (): PhpMap => asMap({})

/** Texts of strangers are shown and stored: cut, and always text. */
const text = (value: unknown): string =>
  (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '').slice(0, 500)

const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
])
const optionalNumber = number.optional().catch(undefined)

const timeSchema = z.object({
  duration: number.catch(0),
  finish: optionalNumber,
  /** ISO 8601, in whole seconds. */
  date_finish: z.iso.datetime({ offset: true }).transform(Date.parse).optional().catch(undefined),
  operating: optionalNumber,
  operating_reset_at: optionalNumber
})

const batchSchema = z.object({
  result: z.object({
    result: phpMap,
    result_error: phpMap.default(noEntries),
    result_total: phpMap.default(noEntries).catch(noEntries),
    result_next: phpMap.default(noEntries).catch(noEntries),
    result_time: phpMap.default(noEntries).catch(noEntries)
  }),
  time: timeSchema.optional().catch(undefined)
})
export type BatchBody = z.infer<typeof batchSchema>

/** An error as the portal gave it; both texts may be empty. */
export interface PortalError {
  readonly code: string
  readonly message: string
}

/** A sub-error or an error envelope: `{error, error_description}`, codes also as numbers, or only a text. */
export const readError = (value: unknown): PortalError => {
  if (typeof value !== 'object' || value === null) return { code: '', message: text(value) }
  const { error, error_description: description } = value as { error?: unknown; error_description?: unknown } // unknown members only
  return { code: text(error), message: text(description) }
}

/** The error of a whole answer; undefined when the body is no JSON object with an `error`. */
export const readErrorEnvelope = (body: unknown): PortalError | undefined =>
  typeof body === 'object' && body !== null && 'error' in body ? readError(body) : undefined

/**
 * A batch of 50 full lists with a hundred fields a row has 250,000 values. What is made to hurt has millions in the same bytes: they
 * would take hundreds of megabytes, and keep everybody else waiting for seconds.
 */
const MOST_VALUES = 400_000

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, OPEN_MAP] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b]

/** Counts without making anything of them, and no further than it has to. */
const hasTooManyValues = (body: string): boolean => {
  let values = 0
  let inText = false
  for (let at = 0; at < body.length && values <= MOST_VALUES; at += 1) {
    const letter = body.charCodeAt(at)
    if (inText) {
      if (letter === BACKSLASH) at += 1
      else if (letter === QUOTE) inText = false
    } else if (letter === QUOTE) inText = true
    else if (letter === COMMA || letter === OPEN_LIST || letter === OPEN_MAP) values += 1
  }
  return values > MOST_VALUES
}

/** undefined when the text is not JSON, or holds more than any answer of a portal. */
export const parseJson = (body: string): unknown => {
  if (hasTooManyValues(body)) return undefined
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** undefined when the body is no readable answer to a batch. */
export const readBatch = (body: unknown): BatchBody | undefined => batchSchema.safeParse(body).data

export const readNumber = (value: unknown): number | undefined =>
  value === undefined ? undefined : number.safeParse(value).data

/** Unix ms by the portal's clock at which it was done; undefined where a `time` block does not say. */
export const finishOf = (time: z.infer<typeof timeSchema> | undefined): number | undefined =>
  time?.finish === undefined ? time?.date_finish : time.finish * 1000

/** A command's `time` block; undefined when there is none. */
export const readTime = (value: unknown): z.infer<typeof timeSchema> | undefined => timeSchema.safeParse(value).data
