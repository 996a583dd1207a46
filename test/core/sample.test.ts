// What sample values promise: repeatable, plausible, gender agrees, unique phones and titles.
// Must stay true: the pinned rows change only together with SAMPLE_VERSION.
import { faker as russianFaker } from '@faker-js/faker/locale/ru'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_COUNT, sampleLocales } from '../../server/core/recipe.ts'
import { shuffled } from '../../server/core/sample/draw.ts'
import { SAMPLE_VERSION, type SampleSource, sampleCompany, sampleContact } from '../../server/core/sample/sample.ts'
import { russianNames } from '../../server/core/sample/words.ts'

const seeds = fc.integer({ min: 0, max: 0xffff_ffff })
const locales = fc.constantFrom(...sampleLocales)
const sources = fc.record({ seed: seeds, locale: locales })
const indexes = fc.integer({ min: 0, max: MAX_COUNT - 1 })
/** +7 5XX: no operator has numbers there. +1 N9X 555: no such area code. */
const unassigned = { ru: /^\+75\d{9}$/, en: /^\+1[2-8]9\d555\d{4}$/ }

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

test('pins version 1: a row that differs needs a new SAMPLE_VERSION', () => {
  const rows = sampleLocales.flatMap(locale =>
    [0, 7, MAX_COUNT - 1].map(index => [
      sampleCompany({ seed: 1, locale }, index),
      sampleContact({ seed: 1, locale }, index)
    ])
  )
  expect(SAMPLE_VERSION).toBe(1)
  expect(rows).toMatchInlineSnapshot(`
    [
      [
        {
          "phone": "+75836119083",
          "title": "ООО «Верная галерея»",
        },
        {
          "firstName": "Валентин",
          "lastName": "Горбачев",
          "phone": "+75907711453",
          "secondName": "Георгиевич",
        },
      ],
      [
        {
          "phone": "+75706715863",
          "title": "ООО «Волжская линия»",
        },
        {
          "firstName": "Лариса",
          "lastName": "Якушева",
          "phone": "+75026572772",
          "secondName": "Тимуровна",
        },
      ],
      [
        {
          "phone": "+75873153732",
          "title": "ООО «Кедровое слово – Тюмень»",
        },
        {
          "firstName": "Тимур",
          "lastName": "Пестов",
          "phone": "+75215874435",
          "secondName": "Эдуардович",
        },
      ],
      [
        {
          "phone": "+15925554504",
          "title": "Evergreen Harbor Ltd",
        },
        {
          "firstName": "Marta",
          "lastName": "Rempel",
          "phone": "+12985550894",
          "secondName": "Aster",
        },
      ],
      [
        {
          "phone": "+15975557125",
          "title": "Omniline Ltd",
        },
        {
          "firstName": "Nathanael",
          "lastName": "Schamberger",
          "phone": "+18915556725",
          "secondName": "Angelou",
        },
      ],
      [
        {
          "phone": "+13975553268",
          "title": "Liberty Castle Labs Corp.",
        },
        {
          "firstName": "Dennis",
          "lastName": "Treutel",
          "phone": "+17975551481",
          "secondName": "Angelou",
        },
      ],
    ]
  `)
})

test('gives the same row for the same seed, whatever was asked before', () => {
  fc.assert(
    fc.property(sources, indexes, fc.array(indexes, { maxLength: 5 }), (source, index, others) => {
      const company = sampleCompany(source, index)
      const contact = sampleContact(source, index)
      for (const other of others) {
        sampleContact(source, other)
        sampleCompany({ ...source, seed: (source.seed + 1) >>> 0 }, other)
      }
      expect(sampleCompany({ ...source }, index)).toEqual(company)
      expect(sampleContact({ ...source }, index)).toEqual(contact)
    })
  )
})

test('gives other rows for another seed, also for a neighbouring one', () => {
  fc.assert(
    fc.property(sources, source => {
      const other = { ...source, seed: (source.seed + 1) >>> 0 }
      const rows = (from: SampleSource) =>
        upTo(10).map(index => [sampleCompany(from, index), sampleContact(from, index)])
      expect(rows(other)).not.toEqual(rows(source))
    })
  )
})

describe('phones', () => {
  test.each(sampleLocales)('are unique over the companies and contacts of the largest run (%s)', locale => {
    for (const seed of [0, 1, 0xffff_ffff]) {
      const phones = new Set<string>()
      for (let index = 0; index < MAX_COUNT; index += 1) {
        phones.add(sampleCompany({ seed, locale }, index).phone).add(sampleContact({ seed, locale }, index).phone)
      }
      expect(phones.size).toBe(2 * MAX_COUNT)
    }
  })

  test('are unique for any seed, and lie in a range that is assigned to nobody', () => {
    fc.assert(
      fc.property(sources, fc.uniqueArray(indexes, { minLength: 1, maxLength: 50 }), (source, some) => {
        const phones = some.flatMap(index => [sampleCompany(source, index).phone, sampleContact(source, index).phone])
        expect(new Set(phones).size).toBe(phones.length)
        for (const phone of phones) expect(phone).toMatch(unassigned[source.locale])
      })
    )
  })
})

describe('people', () => {
  const lastNames = russianFaker.definitions.person.last_name
  /** The gender that each of the three names allows by the list that it stands in. */
  const genderOf = (name: string, male: readonly string[] | undefined, female: readonly string[] | undefined) =>
    `${male?.includes(name) ? 'male' : ''}${female?.includes(name) ? 'female' : ''}`

  test('have last name, first name and patronymic of one gender', () => {
    const seen = { male: 0, female: 0 }
    for (const index of upTo(20_000)) {
      const { lastName, firstName, secondName } = sampleContact({ seed: 5, locale: 'ru' }, index)
      const gender = secondName.endsWith('на') ? 'female' : 'male'
      seen[gender] += 1
      expect(secondName).toMatch(gender === 'female' ? /(овна|евна|ична|инична)$/ : /(ович|евич|ич)$/)
      expect(lastName).toMatch(gender === 'female' ? /(ова|ева|ёва|ина|ына|ая)$/ : /(ов|ев|ёв|ин|ын|ий|ой)$/)
      expect(genderOf(lastName, lastNames.male, lastNames.female)).toBe(gender)
      expect(genderOf(firstName, russianNames.male.first, russianNames.female.first)).toBe(gender)
    }
    expect(Math.min(seen.male, seen.female)).toBeGreaterThan(8_000)
  })

  test('have names whose lists are of one gender each, with no name twice', () => {
    const { male, female } = russianNames
    for (const list of [male.first, male.patronymic, female.first, female.patronymic]) {
      expect(new Set(list).size).toBe(list.length)
    }
    expect(male.first.filter(name => female.first.includes(name))).toEqual([])
    expect(male.patronymic.filter(name => !/ич$/.test(name))).toEqual([])
    expect(female.patronymic.filter(name => !/на$/.test(name))).toEqual([])
    expect(female.first.filter(name => !/([ая]|Любовь)$/.test(name))).toEqual([])
    expect(male.first.filter(name => /[ая]$/.test(name))).toEqual(['Илья', 'Никита'])
  })

  test('are not all alike: 1 000 contacts bear at least 900 different full names', () => {
    for (const locale of sampleLocales) {
      const names = upTo(1000).map(index => {
        const { lastName, firstName, secondName } = sampleContact({ seed: 3, locale }, index)
        return `${lastName} ${firstName} ${secondName}`
      })
      expect(new Set(names).size).toBeGreaterThan(900)
    }
  })
})

test('fits the fields of Bitrix24 and holds nothing that could be read as anything but text', () => {
  fc.assert(
    fc.property(sources, indexes, (source, index) => {
      const { title } = sampleCompany(source, index)
      const { lastName, firstName, secondName } = sampleContact(source, index)
      expect(title.length).toBeLessThanOrEqual(255)
      for (const name of [lastName, firstName, secondName]) {
        expect(name.length).toBeGreaterThan(1)
        expect(name.length).toBeLessThanOrEqual(50)
      }
      for (const text of [title, lastName, firstName, secondName]) {
        expect(text).toBe(text.trim())
        // No control characters, no `$result[...]` of a batch, no markup, no formula.
        expect(text).toMatch(/^[\p{L}][\p{L} .'«»–-]*$/u)
      }
    }),
    { numRuns: 2_000 }
  )
})

test('shuffles any number of places without loss', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), seeds, (size, key) => {
      expect(
        upTo(size)
          .map(index => shuffled(index, size, key))
          .sort((a, b) => a - b)
      ).toEqual(upTo(size))
    })
  )
  expect(() => shuffled(3, 3, 0)).toThrow(RangeError)
  expect(() => shuffled(-1, 3, 0)).toThrow(RangeError)
})
