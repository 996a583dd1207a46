// Reads the parameters of the rest module's own methods, whose names count in any letter case.
// Must stay true: what is missing is named in the error, in the member `argument` (protocol.md, 5.6).
import { type PhpParams, RestError } from './method.ts'

/** The parameters by upper-case name; the last spelling wins. */
export const upperCased = (params: PhpParams): PhpParams =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name.toUpperCase(), value]))

/** A scalar as text; everything else is the empty text. */
export const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

/** @throws {RestError} ERROR_ARGUMENT */
export function required(params: PhpParams, name: string): string {
  const value = textOf(params[name])
  if (value === '') {
    throw new RestError(400, 'ERROR_ARGUMENT', `Argument '${name}' is null or empty`, { argument: name })
  }
  return value
}

/** A PHP array as a map; anything else is an empty one. */
export const mapOf = (value: unknown): PhpParams =>
  typeof value === 'object' && value !== null ? ({ ...value } as PhpParams) : {} // its entries are PHP values
