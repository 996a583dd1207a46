// How a command travels inside a batch: `method?urlencoded query`, as PHP reads it.
// Must stay true: what PHP would read back is what was meant; `$result[key]` survives (protocol.md, 2.1 and 2.5).
import type { Command } from '../core/portal.ts'

/** A lone surrogate has no UTF-8 form and would make encodeURIComponent throw. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed())

/** Bitrix24 knows 'Y' and 'N'; `true` would arrive as text, and the text 'false' is true to PHP (traps 4 and 5). */
const scalar = (value: unknown): string => {
  if (typeof value === 'boolean') return value ? 'Y' : 'N'
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new TypeError(`A command parameter cannot be ${typeof value === 'number' ? value : `a ${typeof value}`}`)
}

/** Adds `value` to a query, member by member. `name`: encoded already, so that what many members share is encoded once. */
const add = (query: string[], name: string, value: unknown): void => {
  if (value === undefined) return
  if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) add(query, `${name}%5B${encode(key)}%5D`, member)
  } else query.push(`${name}=${encode(scalar(value))}`)
}

/**
 * The text of one command. `undefined`, empty lists and empty maps vanish (a query cannot express them), null becomes an
 * empty value, booleans become Y and N. The SDK's own encoder is only reachable through its batch, which loses empty
 * error codes (sdk.md, 0.1).
 * @throws {TypeError} for values that are not plain data
 */
export const encodeCommand = ({ method, params }: Pick<Command, 'method' | 'params'>): string => {
  const query: string[] = []
  for (const [name, value] of Object.entries(params)) add(query, encode(name), value)
  return query.length === 0 ? method : `${method}?${query.join('&')}`
}
