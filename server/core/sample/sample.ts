// Sample values of companies and contacts: the same seed, locale, index and version always give the same row.
// Must stay true: a row is made alone, whatever was made before it; a change that alters any row raises SAMPLE_VERSION.
import { faker as englishFaker } from '@faker-js/faker/locale/en'
import { faker as russianFaker } from '@faker-js/faker/locale/ru'
import { type Recipe, type SampleLocale, sampleLocales } from '../recipe.ts'
import { companyTitle } from './company.ts'
import { createDraw, deriveKey } from './draw.ts'
import { samplePhone } from './phone.ts'
import { russianNames } from './words.ts'

export const SAMPLE_VERSION = 1

/** What the values depend on, besides the index. */
export type SampleSource = Pick<Recipe, 'seed' | 'locale'>

interface SampleCompany {
  readonly title: string
  /** E.164. */
  readonly phone: string
}

interface SampleContact {
  readonly lastName: string
  readonly firstName: string
  /** Patronymic in Russian, middle name in English. */
  readonly secondName: string
  /** E.164. */
  readonly phone: string
}

/** Lists to draw a person from; all three agree in gender. */
interface PersonNames {
  readonly last: readonly string[]
  readonly first: readonly string[]
  readonly second: readonly string[]
}

// Only faker's lists are used: reseeding its generator for every row costs 20 µs, and its definitions are the part we want.
const russian = russianFaker.definitions.person
const english = englishFaker.definitions.person
const plain = (list: readonly string[] | undefined): readonly string[] =>
  (list ?? []).filter(name => /^[\p{L}][\p{L}'’ -]*$/u.test(name))

const people: Readonly<Record<SampleLocale, readonly PersonNames[]>> = {
  ru: [
    {
      last: plain(russian.last_name.male),
      first: russianNames.male.first,
      second: russianNames.male.patronymic
    },
    {
      last: plain(russian.last_name.female),
      first: russianNames.female.first,
      second: russianNames.female.patronymic
    }
  ],
  en: [
    {
      last: plain(english.last_name.generic),
      first: plain(english.first_name.male),
      second: plain(english.middle_name.male)
    },
    {
      last: plain(english.last_name.generic),
      first: plain(english.first_name.female),
      second: plain(english.middle_name.female)
    }
  ]
}

/** What a key is for: keys of different purposes have nothing in common. */
const purposes = ['company', 'contact', 'company name', 'phone'] as const

const keyOf = (source: SampleSource, purpose: (typeof purposes)[number], index = 0): number =>
  deriveKey(SAMPLE_VERSION, source.seed, sampleLocales.indexOf(source.locale), purposes.indexOf(purpose), index)

/** Values of company `index` (from 0). Titles and phones are unique over all companies and contacts of a source. */
export const sampleCompany = (source: SampleSource, index: number): SampleCompany => ({
  title: companyTitle(source.locale, index, keyOf(source, 'company name'), createDraw(keyOf(source, 'company', index))),
  phone: samplePhone(source.locale, 2 * index, keyOf(source, 'phone'))
})

/** Values of contact `index` (from 0). */
export const sampleContact = (source: SampleSource, index: number): SampleContact => {
  const draw = createDraw(keyOf(source, 'contact', index))
  const names = draw.of(people[source.locale])
  return {
    lastName: draw.of(names.last),
    firstName: draw.of(names.first),
    secondName: draw.of(names.second),
    phone: samplePhone(source.locale, 2 * index + 1, keyOf(source, 'phone'))
  }
}
