// How PHP reads a query string, what it takes for true, and how json_encode prints its arrays.
// Must stay true: pure, and never slower than linear in the input; an array whose keys are exactly 0..n-1 is a list.
import type { PhpParams } from './method.ts'

/** php.ini of Bitrix's own server image: max_input_vars, max_input_nesting_level. What lies beyond is dropped. */
const MAX_VARIABLES = 10_000
const MAX_NESTING = 64

/** A PHP array while it is being filled: insertion order, and the index that `a[]` gets next. */
interface Growing {
  readonly entries: Map<string, string | Growing>
  next: number
}

const grow = (): Growing => ({ entries: new Map(), next: 0 })

/**
 * `a=1&b[c][]=2` → `{ a: '1', b: { c: ['2'] } }`, by the rules of PHP's parse_str: `+` is a space, the last of equal
 * names wins, dots and spaces in top-level names become `_`, `a[]` appends.
 */
export function parseQuery(text: string): PhpParams {
  const root = grow()
  let count = 0
  for (const pair of text.split('&')) {
    if (pair === '') continue
    if (++count > MAX_VARIABLES) break
    const equals = pair.indexOf('=')
    if (equals === -1) register(root, decode(pair), '')
    else register(root, decode(pair.slice(0, equals)), decode(pair.slice(equals + 1)))
  }
  const result: PhpParams = {}
  for (const [key, value] of root.entries) setOwn(result, key, typeof value === 'string' ? value : finish(value))
  return result
}

function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    // PHP decodes byte by byte and leaves a lone % alone.
    return spaced.replace(/(?:%[0-9a-f]{2})+/gi, bytes => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
  }
}

function register(root: Growing, rawName: string, value: string): void {
  const name = rawName.replace(/^ +/, '')
  const bracket = name.indexOf('[')
  if (bracket === -1) {
    if (name !== '') put(root, plainName(name), value)
    return
  }
  if (bracket === 0) return
  const path = [plainName(name.slice(0, bracket))]
  let at = bracket
  while (name[at] === '[') {
    const close = name.indexOf(']', at)
    if (close === -1) {
      // An unclosed first bracket is part of the name; a later one ends it.
      if (path.length === 1) path[0] = name.replace(/[ .[]/g, '_')
      break
    }
    const segment = name.slice(at + 1, close)
    path.push(/^\s?$/.test(segment) ? '' : segment)
    at = close + 1
  }
  if (path.length > MAX_NESTING) return
  let target = root
  for (let level = 0; level < path.length - 1; level += 1) target = descend(target, path[level] as string, level > 0)
  put(target, path.at(-1) as string, value, path.length > 1)
}

const plainName = (name: string): string => name.replace(/[ .]/g, '_')

function descend(from: Growing, key: string, append: boolean): Growing {
  const existing = append && key === '' ? undefined : from.entries.get(key)
  if (existing !== undefined && typeof existing !== 'string') return existing
  const made = grow()
  put(from, key, made, append)
  return made
}

function put(into: Growing, key: string, value: string | Growing, append = false): void {
  const index = append && key === '' ? String(into.next) : key
  into.entries.set(index, value)
  if (/^(0|[1-9]\d{0,14})$/.test(index)) into.next = Math.max(into.next, Number(index) + 1)
}

function finish(array: Growing): unknown {
  const keys = [...array.entries.keys()]
  const value = (entry: string | Growing): unknown => (typeof entry === 'string' ? entry : finish(entry))
  if (keys.every((key, at) => key === String(at))) return [...array.entries.values()].map(value)
  const result: PhpParams = {}
  for (const [key, entry] of array.entries) setOwn(result, key, value(entry))
  return result
}

/** Assigns `__proto__` as the plain key that it is in PHP. */
export function setOwn(target: PhpParams, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else target[key] = value
}

/** PHP's truth: `false`, `null`, `0`, `''`, `'0'` and the empty array are false; `'false'` and `'0.0'` are true. */
export function truthy(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === '' || value === '0') return false
  if (value === 0) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

/** json_encode with Bitrix's flags (protocol.md, 1.5): `/` and `<>&'"` escaped, UTF-8 as it is, empty arrays and maps `[]`. */
export function encodeJson(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '0'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value !== 'object' || value === null) return 'null'
  if (Array.isArray(value)) {
    let list = ''
    for (const item of value) list += list === '' ? encodeJson(item) : `,${encodeJson(item)}`
    return `[${list}]`
  }
  const map = value as PhpParams // an object that is neither null nor an array: all our data is plain
  const keys = Object.keys(map).filter(key => map[key] !== undefined)
  const isList = keys.every((key, at) => key === String(at))
  let body = ''
  for (const key of keys) {
    if (body !== '') body += ','
    body += isList ? encodeJson(map[key]) : `${quote(key)}:${encodeJson(map[key])}`
  }
  return isList ? `[${body}]` : `{${body}}`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what JSON must escape
const SPECIAL = /["&'/<>\\\u0000-\u001f\u2028\u2029]/
const EVERY_SPECIAL = new RegExp(SPECIAL, 'g')
const SHORT: Readonly<Record<string, string>> = {
  '/': '\\/',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t'
}

function quote(text: string): string {
  if (!SPECIAL.test(text)) return `"${text}"`
  return `"${text.replace(EVERY_SPECIAL, escapeOne)}"`
}

const escapeOne = (character: string): string =>
  SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
