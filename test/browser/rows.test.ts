// The rows of the page's tables as a person sees them.
// Must stay true: rows look alike, whether the server or the script has written them.
import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { expectNoOverflow, inspect, openBrowser } from '../support/chromium.ts'
import { openSite } from '../support/site.ts'

const open = openBrowser()

const seed = {
  companies: [
    { id: 1, fields: { TITLE: 'Альфа' }, phones: ['+7 000 000-00-01'] },
    { id: 2, fields: { TITLE: 'Бета' } },
    { id: 3, fields: { TITLE: 'Гамма' } }
  ],
  contacts: [
    { fields: { LAST_NAME: 'Котов' }, companyIds: [1] },
    { fields: { LAST_NAME: 'Львова' }, companyIds: [3] },
    { fields: { LAST_NAME: 'Миров' } }
  ]
}

const rowOf = (page: Page, table: 'companies' | 'contacts', text: string) =>
  page.locator(`#${table} tbody tr`).filter({ hasText: text })
const heightOf = async (row: Locator) => (await row.boundingBox())?.height ?? 0

/** Of the texts in the fields of a company, in px; all at one moment, as what is above may still grow. */
const placesOf = (row: Locator) =>
  row.evaluate(element => {
    const placeOf = (field: string) => {
      const range = document.createRange()
      range.selectNodeContents(element.querySelector(`[data-field="${field}"]`) as Element) // a row has them all
      const { left, top, bottom } = range.getBoundingClientRect()
      return { left, top, bottom }
    }
    return { number: placeOf('number'), title: placeOf('title'), phone: placeOf('phone'), contact: placeOf('name') }
  })

/** The script writes what the server has rendered. */
const readAgain = async (page: Page): Promise<void> => {
  const opened = Promise.all(['companies', 'contacts'].map(name => page.waitForResponse(`**/api/${name}?*`)))
  await page.getByRole('button', { name: 'Очистить' }).click()
  await opened
  await page.locator('.records[aria-busy]').first().waitFor({ state: 'detached' })
  await page.keyboard.press('Escape')
}

test.each([320, 360])('at %i px a row is a card: number on the left, no line for what is not there', async width => {
  const site = await openSite({ portal: { seed } })
  const { page } = await open(site.origin, { viewport: { width, height: 640 } })
  const [full, bare, withoutPhone] = ['Альфа', 'Бета', 'Гамма'].map(text => rowOf(page, 'companies', text)) as [
    Locator,
    Locator,
    Locator
  ] // three of three
  const check = async (): Promise<void> => {
    const { number, title, phone, contact } = await placesOf(full)
    expect(Math.abs(number.top - title.top)).toBeLessThan(3)
    expect(number.left).toBeLessThan(title.left)
    expect([phone.left, contact.left]).toEqual([title.left, title.left])
    expect(phone.top).toBeGreaterThanOrEqual(title.bottom - 1)
    expect(contact.top).toBeGreaterThanOrEqual(phone.bottom - 1)

    const saved = (await heightOf(full)) - (await heightOf(bare))
    expect(saved).toBeGreaterThan(2 * (title.bottom - title.top))
    expect((await heightOf(full)) - (await heightOf(withoutPhone))).toBeCloseTo(saved / 2)
    // Still in its column for a screen reader, which tells the headings by place.
    expect(await bare.getByRole('cell').count()).toBe(4)
  }
  await check()
  await expectNoOverflow(page)
  await inspect(page, `cards-${width}`)
  await readAgain(page)
  await check()
  await page.getByRole('button', { name: 'Контакты', exact: true }).click()
  const [employed, free] = [rowOf(page, 'contacts', 'Котов'), rowOf(page, 'contacts', 'Миров')]
  expect(await heightOf(employed)).toBeGreaterThan(await heightOf(free))
})

test('a name that is cut can be read in full, and the script writes the same rows as the server', async () => {
  const [title, lastName] = ['Очень длинное «название» <b> '.repeat(20).trim(), 'Рамирес-'.repeat(40)]
  const site = await openSite({
    portal: {
      seed: {
        companies: [{ id: 9, fields: { TITLE: title } }, { fields: { TITLE: '' } }, ...seed.companies],
        contacts: [
          { fields: { LAST_NAME: lastName, SECOND_NAME: 'Петровна' }, companyIds: [9] },
          { fields: { NAME: 'Анна' } },
          { fields: {} },
          ...seed.contacts
        ]
      }
    }
  })
  const { page } = await open(site.origin)
  const full = `${lastName} Петровна`
  const check = async (): Promise<void> => {
    for (const [table, name] of [
      ['companies', title],
      ['companies', full],
      ['contacts', full],
      ['contacts', title]
    ] as const) {
      const cut = rowOf(page, table, name.slice(0, 20)).getByTitle(name, { exact: true })
      expect(await cut.evaluate(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight)).toBe(true)
    }
    expect(await rowOf(page, 'contacts', 'Анна').getByTitle('Анна', { exact: true }).count()).toBe(1)
  }
  const written = () => page.locator('.records tbody').evaluateAll(bodies => bodies.map(body => body.innerHTML))
  await check()
  const byServer = await written()
  await readAgain(page)
  await check()
  const squeezed = (html: readonly string[]) => html.map(text => text.replace(/\s+/g, ' ').replace(/> </g, '><').trim())
  expect(squeezed(await written())).toEqual(squeezed(byServer))
})
