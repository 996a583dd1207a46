// Names of sample companies: an adjective and a noun, a compound, a trade; with a place or trade behind it once those run out.
// Must stay true: place i of a name space has its own name, different from all others, so a shuffle of places never repeats one.
import type { SampleLocale } from '../recipe.ts'
import { type Draw, shuffled } from './draw.ts'
import { englishCompanies as english, russianCompanies as russian } from './words.ts'

/** Names that can be counted: `at(0)` to `at(size - 1)`, all different. */
interface Names {
  readonly size: number
  at(place: number): string
}

const entry = (list: readonly string[], place: number): string => {
  const word = list[place]
  if (word === undefined) throw new RangeError(`No word ${place} among ${list.length}`)
  return word
}

const listed = (list: readonly string[]): Names => ({ size: list.length, at: place => entry(list, place) })

/** Every pair of a first and a second name. */
const pairs = (first: Names, second: Names, join: (first: string, second: string) => string): Names => ({
  size: first.size * second.size,
  at: place => join(first.at(Math.floor(place / second.size)), second.at(place % second.size))
})

/** One space behind the other. */
const either = (...spaces: readonly Names[]): Names => ({
  size: spaces.reduce((sum, space) => sum + space.size, 0),
  at: place => {
    let rest = place
    for (const space of spaces) {
      if (rest < space.size) return space.at(rest)
      rest -= space.size
    }
    throw new RangeError(`No name ${place}`)
  }
})

/** Северный → Северная, Синий → Синяя. The lists hold only adjectives for which these two rules suffice. */
const feminine = (adjective: string): string => adjective.slice(0, -2) + (adjective.endsWith('ний') ? 'яя' : 'ая')
const neuter = (adjective: string): string => adjective.slice(0, -2) + (adjective.endsWith('ний') ? 'ее' : 'ое')

const spaced = (first: string, second: string): string => `${first} ${second}`
const glued = (first: string, second: string): string => first + second
const hyphened = (first: string, second: string): string => `${first}-${second}`
/** A place goes behind one word with a hyphen, behind several with a dash. */
const placed = (name: string, place: string): string => (name.includes(' ') ? `${name} – ${place}` : `${name}-${place}`)

const russianPictures = either(
  pairs(listed(russian.adjectives), listed(russian.nouns.masculine), spaced),
  pairs(listed(russian.adjectives.map(feminine)), listed(russian.nouns.feminine), spaced),
  pairs(listed(russian.adjectives.map(neuter)), listed(russian.nouns.neuter), spaced)
)
const russianCompounds = pairs(listed(russian.starts), listed(russian.ends), glued)
const russianShort = either(russianPictures, russianCompounds)
const englishShort = either(
  pairs(listed(english.adjectives), listed(english.nouns), spaced),
  pairs(listed(english.starts), listed(english.ends), (start, end) => start + end.toLowerCase())
)

/** By locale: names to begin with, and longer ones for runs that use those up. */
export const companyNames: Readonly<Record<SampleLocale, { readonly short: Names; readonly long: Names }>> = {
  ru: {
    short: either(russianShort, pairs(listed(russian.trades), listed(russian.places), hyphened)),
    long: pairs(russianShort, listed(russian.places), placed)
  },
  en: { short: englishShort, long: pairs(englishShort, listed(english.trades), spaced) }
}

/** Title with its legal form. The name depends on `index` and `key` and is unique among the indexes; the form is drawn. */
export const companyTitle = (locale: SampleLocale, index: number, key: number, draw: Draw): string => {
  const { short, long } = companyNames[locale]
  const name =
    index < short.size
      ? short.at(shuffled(index, short.size, key))
      : long.at(shuffled(index - short.size, long.size, key))
  return locale === 'ru' ? `${draw.of(russian.forms)} «${name}»` : `${name} ${draw.of(english.forms)}`
}
