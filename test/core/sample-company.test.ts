// What titles of sample companies promise: enough of them, no two alike, and they sound right.
import { describe, expect, test } from 'vitest'
import { MAX_COUNT, sampleLocales } from '../../server/core/recipe.ts'
import { companyNames } from '../../server/core/sample/company.ts'
import { sampleCompany } from '../../server/core/sample/sample.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('company titles', () => {
  test.each(sampleLocales)(
    'can be made of more names than the largest run takes, and no two of them are equal (%s)',
    locale => {
      const { short, long } = companyNames[locale]
      const names = new Set<string>()
      for (const place of upTo(short.size)) names.add(short.at(place))
      for (const place of upTo(long.size)) names.add(long.at(place))
      expect(names.size).toBe(short.size + long.size)
      expect(long.size).toBeGreaterThan(MAX_COUNT)
    }
  )

  test.each(sampleLocales)('never repeat a name in the largest run (%s)', locale => {
    const bare = (title: string): string =>
      locale === 'ru' ? title.replace(/^\S+ /, '') : title.replace(/ (Ltd|Inc\.|LLC|Corp\.|PLC)$/, '')
    const names = new Set(upTo(MAX_COUNT).map(index => bare(sampleCompany({ seed: 11, locale }, index).title)))
    expect(names.size).toBe(MAX_COUNT)
  })

  test('bear a legal form and agree in gender', () => {
    const title = /^(ООО|АО|ПАО) «[А-ЯЁ][А-ЯЁа-яё -–]+»$/
    for (const index of upTo(20_000)) expect(sampleCompany({ seed: 2, locale: 'ru' }, index).title).toMatch(title)
    const { short } = companyNames.ru
    const all = new Set(upTo(short.size).map(place => short.at(place)))
    for (const name of [
      'Северный ветер',
      'Синий кедр',
      'Синяя звезда',
      'Синее озеро',
      'Золотая роща',
      'Тихое поле',
      'ТехноСтрой',
      'Логистика-Урал'
    ]) {
      expect(all).toContain(name)
    }
  })

  test('say Ltd, Inc., LLC, Corp. or PLC in English', () => {
    for (const index of upTo(5_000)) {
      expect(sampleCompany({ seed: 2, locale: 'en' }, index).title).toMatch(
        /^[A-Z][A-Za-z ]+ (Ltd|Inc\.|LLC|Corp\.|PLC)$/
      )
    }
  })
})
