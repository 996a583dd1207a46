// How the emulated portal reads queries and prints arrays: as PHP does.
// Must stay true: the expectations are what php 8 prints for the same input.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeJson, parseQuery, truthy } from '../../emulator/php.ts'

describe('a query string', () => {
  it.each([
    ['a=1&b=2', { a: '1', b: '2' }],
    ['a=1&a=2', { a: '2' }],
    ['a', { a: '' }],
    ['=1&&b=', { b: '' }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[1]=x', { a: { 1: 'x' } }],
    ['a[5]=x&a[]=y', { a: { 5: 'x', 6: 'y' } }],
    ['f[PHONE][0][VALUE]=%2B7', { f: { PHONE: [{ VALUE: '+7' }] } }],
    ['filter%5B%3EID%5D=10', { filter: { '>ID': '10' } }],
    ['a=1&a[b]=2', { a: { b: '2' } }],
    ['a[b]=1&a=2', { a: '2' }],
    ['a.b=1&a c=2&a+c[d.e]=3', { a_b: '1', a_c: { 'd.e': '3' } }],
    ['a=x+y%20z&b=%D0%AF', { a: 'x y z', b: 'Я' }],
    ['a=100%&b=%zz', { a: '100%', b: '%zz' }],
    ['a[b=1', { a_b: '1' }],
    ['[a]=1', {}],
    ['a[b]c=1', { a: { b: '1' } }]
  ])('%s', (text, expected) => {
    expect(parseQuery(text)).toEqual(expected)
  })

  it('cannot reach the prototype of objects', () => {
    const parsed = parseQuery('__proto__[x]=1&a[__proto__][y]=2')
    expect(Object.keys(parsed)).toEqual(['__proto__', 'a'])
    expect(({} as Record<string, unknown>).x).toBeUndefined()
    expect(({} as Record<string, unknown>).y).toBeUndefined()
  })

  it('gives back every nested structure of texts that was written into it', () => {
    const key = fc.stringMatching(/^[A-Za-z_>=!%@][A-Za-z0-9_]{0,6}$/)
    const tree = fc.letrec<{ node: unknown }>(tie => ({
      node: fc.oneof(
        { maxDepth: 3 },
        fc.string({ unit: 'grapheme' }),
        fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
        fc.dictionary(key, tie('node'), { minKeys: 1, maxKeys: 3 })
      )
    })).node
    const write = (name: string, value: unknown): string[] =>
      typeof value === 'string'
        ? [`${name}=${encodeURIComponent(value)}`]
        : Object.entries(value as object).flatMap(([part, inner]) =>
            write(`${name}[${encodeURIComponent(part)}]`, inner)
          )
    fc.assert(
      fc.property(tree, value => {
        expect(JSON.stringify(parseQuery(write('root', value).join('&')))).toBe(JSON.stringify({ root: value }))
      })
    )
  })

  it('never fails, whatever the text', () => {
    const noise = fc.string({ unit: fc.constantFrom('a', '[', ']', '=', '&', '%', '2', '+', '.', ' ', 'é') })
    fc.assert(fc.property(noise, text => typeof parseQuery(text) === 'object'))
  })
})

describe('truth', () => {
  it.each([['0'], [''], [0], [false], [null], [undefined], [[]], [{}]])('%j is false', value => {
    expect(truthy(value)).toBe(false)
  })
  it.each([['false'], ['0.0'], ['N'], [' '], [1], [-1], [true], [[0]], [{ a: null }]])('%j is true', value => {
    expect(truthy(value)).toBe(true)
  })
})

describe('json_encode', () => {
  it('prints empty arrays and maps as [] and keys 0..n-1 as a list', () => {
    expect(encodeJson({ a: {}, b: [], c: { 0: 'x', 1: 'y' }, d: { 1: 'y' } })).toBe(
      '{"a":[],"b":[],"c":["x","y"],"d":{"1":"y"}}'
    )
  })

  it('escapes slashes and the characters of HTML, and leaves UTF-8 alone', () => {
    expect(encodeJson(`<a href='/x'>"&"</a> Яё\n\u2028`)).toBe(
      '"\\u003Ca href=\\u0027\\/x\\u0027\\u003E\\u0022\\u0026\\u0022\\u003C\\/a\\u003E Яё\\n\\u2028"'
    )
  })

  it('reads back as the same value, empty maps aside', () => {
    const isListLike = (value: object) => Object.keys(value).every((key, at) => key === String(at))
    const normalise = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value
      const entries = Object.entries(value).map(([key, inner]) => [key, normalise(inner)] as const)
      return isListLike(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
    }
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        expect(JSON.stringify(JSON.parse(encodeJson(value)))).toBe(JSON.stringify(normalise(value)))
      })
    )
  })
})
