// Texts in Russian and English, from the same files that the browser reads.
// Must stay true: a missing key shows itself as the key, never as an error.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IntlMessageFormat } from 'intl-messageformat'
import type { Context } from 'koa'
import { z } from 'zod'

export const languages = ['ru', 'en'] as const
export type Language = (typeof languages)[number]

export type Values = Readonly<Record<string, string | number>>
export type Translate = (key: string, values?: Values) => string

export interface Translations {
  /** `?lang=`, else the portal's `LANG`, else Accept-Language, else Russian. */
  languageOf(ctx: Pick<Context, 'query' | 'acceptsLanguages'>): Language
  in(language: Language): Translate
  /** The text for an error code, or for a fixed sentence of the portal; else the sentence itself. */
  problem(language: Language, code: string, sentence: string): string
  has(key: string): boolean
}

/** `LANG` of a page that a portal opens: the portal's language, English where we do not speak it. */
const portalLanguage = (code: unknown): Language | undefined => {
  if (typeof code !== 'string' || code === '') return undefined
  return languages.find(language => language === code) ?? 'en'
}

export const loadTranslations = (localesDir: string): Translations => {
  const texts = Object.fromEntries(
    languages.map(language => [
      language,
      z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(join(localesDir, `${language}.json`), 'utf8')))
    ])
  ) as Record<Language, Record<string, string>> // fromEntries forgets the keys
  const formats = new Map<string, IntlMessageFormat>()
  const has = (key: string): boolean => texts.ru[key] !== undefined
  const translate =
    (language: Language): Translate =>
    (key, values) => {
      const text = texts[language][key]
      if (text === undefined) return key
      const id = `${language}:${key}`
      const format = formats.get(id) ?? new IntlMessageFormat(text, language, undefined, { ignoreTag: true })
      formats.set(id, format)
      return String(format.format(values))
    }
  return {
    languageOf(ctx) {
      const asked = languages.find(language => language === ctx.query['lang']) ?? portalLanguage(ctx.query['LANG'])
      const best = ctx.acceptsLanguages([...languages])
      return asked ?? languages.find(language => language === best) ?? 'ru'
    },
    in: translate,
    problem(language, code, sentence) {
      const known = [`error.${code}`, `said.${sentence}`].find(has)
      return known === undefined ? sentence : translate(language)(known)
    },
    has
  }
}
