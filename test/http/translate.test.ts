// The texts: both languages say the same things.
// Must stay true: every message of both files can be formatted.
import { readFileSync } from 'node:fs'
import { IntlMessageFormat } from 'intl-messageformat'
import { expect, test } from 'vitest'
import { languages, loadTranslations } from '../../server/http/translate.ts'

const folder = new URL('../../locales', import.meta.url).pathname
const textsOf = (language: string): Record<string, string> =>
  JSON.parse(readFileSync(`${folder}/${language}.json`, 'utf8'))

/** Names of the values that a message takes. */
const valuesOf = (text: string): string[] => [...text.matchAll(/\{(\w+)/g)].map(([, name = '']) => name).sort()

test('both files hold the same keys, and each message the same values', () => {
  const [ru, en] = languages.map(textsOf)
  expect(Object.keys(ru ?? {}).sort()).toEqual(Object.keys(en ?? {}).sort())
  for (const [key, text] of Object.entries(ru ?? {})) {
    expect([...new Set(valuesOf(en?.[key] ?? ''))], key).toEqual([...new Set(valuesOf(text))])
  }
})

test('every message is valid ICU', () => {
  for (const language of languages) {
    for (const [key, text] of Object.entries(textsOf(language))) {
      expect(() => new IntlMessageFormat(text, language, undefined, { ignoreTag: true }), key).not.toThrow()
    }
  }
})

test('busy is said in the words of the contract', () => {
  expect(loadTranslations(folder).in('ru')('error.BUSY')).toBe('Сервис занят, попробуйте позже')
})
