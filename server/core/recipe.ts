// What a person asks for: the operation, and the schemas of its fields for the door (http/input.ts).
// Must stay true: the limits here are the contract's; what passed the door is not checked again.
import { z } from 'zod'

/** Most records of one entity that the API takes in one run. */
export const MAX_COUNT = 100_000

/** Locales that sample.ts can speak. */
export const sampleLocales = ['ru', 'en'] as const
export type SampleLocale = (typeof sampleLocales)[number]

const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`
  return z.int(message).min(min, message).max(max, message)
}

/**
 * A recipe: how many records, and the seed and locale of their sample values.
 * Same recipe and sample version, same rows.
 */
export const recipeSchema = z.strictObject({
  companies: wholeNumber(1, MAX_COUNT),
  contacts: wholeNumber(0, MAX_COUNT),
  seed: wholeNumber(0, 0xffff_ffff),
  locale: z.enum(sampleLocales, `must be one of ${sampleLocales.join(', ')}`)
})
/** With `companyId`: no companies (0), only contacts of that company, which is there already. */
export type Recipe = z.infer<typeof recipeSchema> & { readonly companyId?: number }

/** An id of a record in the portal. */
export const recordIdSchema = wholeNumber(1, Number.MAX_SAFE_INTEGER)

/** What `clear` takes: only records that carry our origin tag, or everything. */
export const clearScopes = ['created', 'all'] as const
export type ClearScope = (typeof clearScopes)[number]

/** What a run does. `retryOf` = only the rows that were rejected in that earlier run. */
export type Operation =
  | { readonly kind: 'create'; readonly recipe: Recipe; readonly retryOf?: string }
  | { readonly kind: 'clear'; readonly scope: ClearScope; readonly retryOf?: string }
