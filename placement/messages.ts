// The page's texts, from the files that the server reads too.
// Must stay true: a missing text shows itself as its key, never as an error.
import { IntlMessageFormat } from 'intl-messageformat'
import en from '../locales/en.json' with { type: 'json' }
import ru from '../locales/ru.json' with { type: 'json' }

export type Language = 'ru' | 'en'

export interface Messages {
  readonly lang: Language
  t(key: string, values?: Readonly<Record<string, string | number>>): string
  /** The text for an error code, or for a fixed sentence of the portal; else the sentence itself. */
  problem(code: string, sentence: string): string
}

const texts: Readonly<Record<Language, Readonly<Record<string, string>>>> = { ru, en }

export const createMessages = (lang: Language): Messages => {
  const formats = new Map<string, IntlMessageFormat>()
  const t: Messages['t'] = (key, values) => {
    const text = texts[lang][key]
    if (text === undefined) return key
    const format = formats.get(key) ?? new IntlMessageFormat(text, lang, undefined, { ignoreTag: true })
    formats.set(key, format)
    return String(format.format(values))
  }
  return {
    lang,
    t,
    problem(code, sentence) {
      const known = [`error.${code}`, `said.${sentence}`].find(key => texts[lang][key] !== undefined)
      return known === undefined ? sentence || code : t(known)
    }
  }
}
