// What a person asks for: the operation, parsed at the door by these schemas.
// Must stay true: the limits here are the contract's; nothing downstream checks counts again.
import { z } from 'zod'

/** Most records of one entity that the API takes in one run. */
export const MAX_COUNT = 100_000

/** Locales that sample.ts can speak. */
export const sampleLocales = ['ru', 'en'] as const
export type SampleLocale = (typeof sampleLocales)[number]

/**
 * A recipe: how many records, and the seed and locale of their sample values.
 * Same recipe and sample version, same rows.
 */
export const recipeSchema = z.strictObject({
  companies: z.int().min(1).max(MAX_COUNT),
  contacts: z.int().min(0).max(MAX_COUNT),
  seed: z.int().min(0).max(0xffff_ffff),
  locale: z.enum(sampleLocales)
})
/** With `companyId`: no companies (0), only contacts of that company, which is there already. */
export type Recipe = z.infer<typeof recipeSchema> & { readonly companyId?: number }

/** An id of a record in the portal. */
export const recordIdSchema = z.int().min(1)

/** What `clear` takes: only records that carry our origin tag, or everything. */
export const clearScopes = ['created', 'all'] as const
export type ClearScope = (typeof clearScopes)[number]

/** What a run does. `retryOf` = only the rows that were rejected in that earlier run. */
export type Operation =
  | { readonly kind: 'create'; readonly recipe: Recipe; readonly retryOf?: string }
  | { readonly kind: 'clear'; readonly scope: ClearScope; readonly retryOf?: string }
