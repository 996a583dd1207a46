// References between the commands of a batch: `$result[a][0][ID]` and its kin, with every quirk of protocol.md, 2.5.
// Must stay true: pure; an unresolvable reference never fails, it yields the deepest value that exists.
import type { PhpParams } from './method.ts'
import { setOwn } from './php.ts'

/** What the commands so far have yielded; each a PHP array by command key. */
export interface SoFar {
  readonly result: PhpParams
  readonly next: PhpParams
  readonly total: PhpParams
  readonly time: PhpParams
  readonly error: PhpParams
}

// PCRE's \s without /u is ASCII only, JavaScript's is not.
const REFERENCE = /\$(result|next|total|time|error)([^ \t\n\v\f\r]*)/gi
const SEGMENT = /\[([^\]]+)\]/g

/** Replaces the references in all values of decoded parameters. Names cannot hold any: `[` and `]` structure them. */
export function resolveReferences(params: PhpParams, soFar: SoFar): PhpParams {
  const resolved: PhpParams = {}
  for (const key of Object.keys(params)) setOwn(resolved, key, resolve(params[key], soFar))
  return resolved
}

function resolve(value: unknown, soFar: SoFar): unknown {
  if (typeof value === 'string') return value.includes('$') ? resolveText(value, soFar) : value
  if (Array.isArray(value)) return value.map(item => resolve(item, soFar))
  if (typeof value === 'object' && value !== null) return resolveReferences(value as PhpParams, soFar) // parsed from a query: plain
  return value
}

function resolveText(text: string, soFar: SoFar): unknown {
  let resolved = text
  for (const [match, word = '', rest = ''] of text.matchAll(REFERENCE)) {
    const path = [...rest.matchAll(SEGMENT)].map(segment => segment[1] as string)
    if (path.length === 0) continue
    // The word is matched in any letter case, but looked up as it is spelled.
    const found = follow(isWord(word) ? soFar[word] : null, path)
    if (match === resolved) return found
    if (typeof found === 'string' || typeof found === 'number')
      resolved = resolved.replaceAll(match, () => String(found))
  }
  return resolved
}

const isWord = (word: string): word is keyof SoFar => word === word.toLowerCase()

function follow(from: unknown, path: readonly string[]): unknown {
  let value = from
  for (const key of path) {
    const next = member(value, key)
    if (next === undefined || next === null) break
    value = next
  }
  // PHP hands arrays over by value: the map goes on growing, what was handed out must not.
  return value === from && typeof value === 'object' && value !== null ? { ...value } : value
}

/** PHP's offset of a text counts bytes; a byte of a longer letter is none of UTF-8's, which json_encode substitutes. */
function byteOf(text: string, at: number): string | undefined {
  const byte = Buffer.from(text).at(at)
  if (byte === undefined) return undefined
  return byte < 0x80 ? String.fromCharCode(byte) : '\uFFFD'
}

function member(value: unknown, key: string): unknown {
  if (typeof value === 'string') return /^-?\d+$/.test(key) ? byteOf(value, Number(key)) : undefined
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as PhpParams)[key]
}
