// How PHP reads values that arrive where the CRM expects a number, a text, a flag or an array.
// Must stay true: nothing here throws; references in a batch may hand an array into any place (protocol.md, 2.5).

/** A PHP array: a JS array or a plain object. */
export type PhpArray = { readonly [key: string]: unknown }

export function isPhpArray(value: unknown): value is PhpArray {
  return typeof value === 'object' && value !== null
}

/** The members of an array in order; a scalar is a list of itself; nothing and "" are an empty list. */
export function toList(value: unknown): unknown[] {
  if (isPhpArray(value)) return Object.values(value)
  return value === undefined || value === null || value === '' ? [] : [value]
}

/** PHP's `(int)`: leading digits of a text, 1 or 0 for an array that is not or is empty. */
export function toInteger(value: unknown): number {
  return Math.trunc(toNumber(value))
}

/** PHP's `(float)`. */
export function toNumber(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : 0
  if (typeof value === 'string') {
    const number = Number.parseFloat(value)
    return Number.isFinite(number) ? number : 0
  }
  if (typeof value === 'boolean') return value ? 1 : 0
  return isPhpArray(value) && Object.keys(value).length > 0 ? 1 : 0
}

/** PHP's `(string)`; an array has no text ("Array" with a warning in PHP): undefined, so that callers ignore it. */
export function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  if (typeof value === 'boolean') return value ? '1' : ''
  return isPhpArray(value) ? undefined : ''
}

/** PHP truthiness: `0`, `"0"`, `""`, null, false and an empty array are false; the text `"N"` is true (protocol.md, trap 5). */
export function isTruthy(value: unknown): boolean {
  if (isPhpArray(value)) return Object.keys(value).length > 0
  return Boolean(value) && value !== '0'
}

/** A parameter in any of the spellings that the classic methods take: FIELDS, fields, Fields, arFields (protocol.md, 4.1). Null counts as absent. */
export function parameter(params: PhpArray, name: string): unknown {
  const capitalized = name.charAt(0).toUpperCase() + name.slice(1)
  return params[name] ?? params[name.toUpperCase()] ?? params[capitalized] ?? params[`ar${capitalized}`] ?? undefined
}
