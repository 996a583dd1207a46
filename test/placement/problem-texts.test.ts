// The reasons that a person reads: every code that the server names has a sentence in both languages.
// Must stay true: a new code comes with its texts; the portal's own codes for single rows keep the portal's own words.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMessages } from '../../placement/messages.ts'

const server = new URL('../../server', import.meta.url).pathname
const sources = readdirSync(server, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .map(path => readFileSync(join(server, path), 'utf8'))

/** new AppError(409, 'CODE', ...), new PortalFailure('blocked', 'CODE', ...), blocked('CODE', ...) and the like. */
const THROWN = /\b(?:AppError|PortalFailure|blocked|lost|portalUnavailable)\(\s*(?:\d+,|'[a-z]+',)?\s*'([A-Z_]+)'/g
const advice = readFileSync(join(server, 'bitrix24/advice.ts'), 'utf8')
const ADVISED = /\[\s*'(\w+)',\s/g

/** Says inside the runner that a request was never made; it ends no run and no answer. */
const INTERNAL = new Set(['NOT_SENT'])

const codesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code = '']) => code)

test('every code that the server names has a sentence in both languages', () => {
  const thrown = new Set(sources.flatMap(source => codesIn(source, THROWN)))
  const advised = codesIn(advice, ADVISED)
  // The patterns still find what they look for.
  expect([...thrown]).toEqual(expect.arrayContaining(['BUSY', 'PORTAL_MOVED', 'TIMED_OUT', 'LOOKUP_UNRELIABLE']))
  expect(advised).toEqual(expect.arrayContaining(['INVALID_CREDENTIALS', 'expired_token', 'WRONG_AUTH_TYPE']))
  const codes = [...new Set([...thrown, ...advised])].filter(code => !INTERNAL.has(code))
  for (const lang of ['ru', 'en'] as const) {
    const { problem } = createMessages(lang)
    expect(
      codes.filter(code => problem(code, 'no text') === 'no text'),
      lang
    ).toEqual([])
  }
})
