// What requests may ask: schemas of queries and bodies, parsed at the door.
// Must stay true: whatever passes here needs no further check; a refusal names the field and says what is allowed.
import { z } from 'zod'
import { invalidInput } from '../core/errors.ts'
import { clearScopes, MAX_COUNT, recipeSchema, recordIdSchema } from '../core/recipe.ts'
import { recordOrders } from '../core/records.ts'

/** Parses or refuses with the first problem as a sentence. @throws {AppError} INVALID_INPUT */
export const parseInput = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue?.path.join('.') ?? ''
  throw invalidInput(`${field === '' ? 'The request' : field}: ${issue?.message ?? 'is wrong'}`, parsed.error)
}

/** A whole number in a query: plain digits, given once. */
const wholeNumber = (min: number, max: number) => {
  const message = `must be one whole number from ${min} to ${max}`
  return z
    .string(message)
    .regex(/^(0|[1-9]\d{0,14})$/, message)
    .transform(Number)
    .pipe(z.number().min(min, message).max(max, message))
}

/** `count` of the classic routes. */
export const countQuery = z.object({ count: wholeNumber(1, 10_000).default(100) })

/** `Last-Event-ID`, by header or by query: `<run id>.<percent>`. */
export const lastEventId = z
  .string('must be the id of an event of this stream')
  .regex(/^[A-Za-z0-9]{1,40}\.\d{1,3}$/, 'must be the id of an event of this stream')
  .transform(text => text.slice(0, text.lastIndexOf('.')))

export const pageQuery = z.object({
  order: z.enum(recordOrders, `must be one of ${recordOrders.join(', ')}`).default('oldest'),
  limit: wholeNumber(1, 50).default(50),
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional()
})

export const runIdParam = z.string('must be the id of a run').regex(/^[A-Za-z0-9]{1,40}$/, 'must be the id of a run')

export const runsQuery = z.object({
  limit: wholeNumber(1, 50).default(50),
  after: runIdParam.optional()
})

const { companies, contacts, seed, locale } = recipeSchema.shape

/** An object with these fields and no others. */
const exactly = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code, keys }) =>
      code === 'unrecognized_keys'
        ? `has no fields ${keys.join(', ')}; it takes ${Object.keys(shape).join(', ')}`
        : undefined
  })

export const startBody = z.discriminatedUnion(
  'kind',
  [
    exactly({
      kind: z.literal('create'),
      companies: companies.optional(),
      contacts: contacts.optional(),
      /** Only contacts, for this company. */
      companyId: recordIdSchema.optional(),
      seed: seed.optional(),
      locale: locale.optional()
    }),
    exactly({
      kind: z.literal('clear'),
      scope: z.enum(clearScopes, `must be one of ${clearScopes.join(', ')}`).default('created'),
      confirm: z.string("must be the portal's host as a text").max(300, "must be the portal's host").optional()
    })
  ],
  `must be an object with kind "create" (companies and contacts up to ${MAX_COUNT}) or kind "clear"`
)
