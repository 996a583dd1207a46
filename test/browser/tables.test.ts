// The two tables of the page: their pages and their order.
// Must stay true: what is said of the rows is true of those that are shown.
import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { inspect, openBrowser } from '../support/chromium.ts'
import { openSite, type Site } from '../support/site.ts'

const open = openBrowser()

const companiesOf = (page: Page) => {
  const section = page.locator('#companies')
  return {
    section,
    range: section.locator('[data-part="range"]'),
    numbers: section.locator('[data-field="number"]'),
    button: (name: string) => section.getByRole('button', { name, exact: true })
  }
}

/** Every text that this live region says from now on. */
const said = async (region: Locator) => {
  const texts = await region.evaluateHandle(element => {
    const heard: string[] = []
    new MutationObserver(changes => {
      const isNew = changes.some(({ addedNodes }) => addedNodes.length > 0)
      if (isNew && element.textContent) heard.push(element.textContent)
    }).observe(element, { childList: true, subtree: true })
    return heard
  })
  return () => texts.evaluate(heard => [...heard])
}

const refuse = ({ portal }: Site, refused: boolean) =>
  portal.configure({ refusal: refused ? 'PAYMENT_REQUIRED' : undefined })

const isFocused = (locator: Locator) => locator.evaluate(element => element === document.activeElement)

test('a page that cannot be read leaves the rows and their numbers as they are, and one button tries it again', async () => {
  const site = await openSite({ portal: { seed: { companies: 300 } } })
  const { page } = await open(site.origin)
  const { section, range, numbers, button } = companiesOf(page)
  const announced = await said(page.locator('#announcer'))
  const alert = section.getByRole('alert')
  const alerted = await said(section.locator('[data-part="reason"]'))
  const refused =
    'Не удалось прочитать записи. Тариф портала не включает REST API. Продлите подписку или смените тариф.'
  const inView = () =>
    section.locator('[data-part="reason"]').evaluate(element => {
      const { top, bottom } = element.getBoundingClientRect()
      return top >= 0 && bottom <= window.innerHeight
    })

  refuse(site, true)
  await button('Вперёд').click()
  await alert.getByText(refused).waitFor()
  await section.and(page.locator(':not([aria-busy])')).waitFor()
  expect(await range.textContent()).toBe('1–50 из 300')
  expect(await numbers.first().textContent()).toBe('1')
  expect(await button('Назад').isDisabled()).toBe(true)
  expect(await inView()).toBe(true)
  expect(await announced()).toEqual([])
  await inspect(page, 'page-turn-failed')

  await button('Повторить').click()
  await expect.poll(alerted).toEqual([refused, refused])
  expect(await range.textContent()).toBe('1–50 из 300')
  expect(await isFocused(button('Повторить'))).toBe(true)

  refuse(site, false)
  await page.keyboard.press('Enter')
  await range.getByText('51–100 из 300').waitFor()
  expect(await numbers.first().textContent()).toBe('51')
  expect(await alert.isVisible()).toBe(false)
  expect(await isFocused(section.getByRole('region'))).toBe(true)
  expect(await announced()).toEqual(['51–100 из 300'])

  refuse(site, true)
  await button('Назад').click()
  await alert.waitFor()
  expect(await range.textContent()).toBe('51–100 из 300')
  expect(await button('Назад').isDisabled()).toBe(false)
  refuse(site, false)
  await button('Вперёд').click()
  await range.getByText('101–150 из 300').waitFor()
  expect(await announced()).toEqual(['51–100 из 300', '101–150 из 300'])
})

test("the newest come first when asked: numbered from 1, page by page, by keyboard, and a run's new records at once", async () => {
  const site = await openSite({ portal: { seed: { companies: 120, contacts: 50 } } })
  const { page, messages } = await open(site.origin)
  const { section, range, numbers, button } = companiesOf(page)
  const titles = section.locator('[data-field="title"]')
  const titleOf = (id: number) => site.portal.state.records('company').find(each => each.id === id)?.values['TITLE']
  const newest = button('Сначала новые')
  const announced = await said(page.locator('#announcer'))
  expect(await page.locator('#contacts').getByRole('button', { name: 'Сначала новые' }).isVisible()).toBe(false)

  await button('Вперёд').click()
  await range.getByText('51–100 из 120').waitFor()
  await newest.focus()
  await page.keyboard.press('Space')
  await section.getByRole('button', { name: 'Сначала новые', pressed: true }).waitFor()
  expect(await range.textContent()).toBe('1–50 из 120')
  expect(await numbers.first().textContent()).toBe('1')
  expect(await titles.first().textContent()).toBe(titleOf(120))
  expect(await isFocused(newest)).toBe(true)
  expect(await announced()).toEqual(['51–100 из 120', '1–50 из 120'])
  await inspect(page, 'newest-first')

  await button('Вперёд').click()
  await range.getByText('51–100 из 120').waitFor()
  expect(await titles.first().textContent()).toBe(titleOf(70))
  await button('Вперёд').click()
  await range.getByText('101–120 из 120').waitFor()
  expect(await titles.last().textContent()).toBe(titleOf(1))
  expect(await isFocused(button('Назад'))).toBe(true)
  await newest.click()
  await section.getByRole('button', { name: 'Сначала новые', pressed: false }).waitFor()
  expect(await titles.first().textContent()).toBe(titleOf(1))

  await newest.click()
  await section.getByRole('button', { name: 'Сначала новые', pressed: true }).waitFor()
  await page.getByRole('textbox', { name: 'Компаний' }).fill('3')
  await page.keyboard.press('Enter')
  await range.getByText('1–50 из 123').waitFor()
  await titles
    .first()
    .getByText(String(titleOf(123)), { exact: true })
    .waitFor()
  await page.locator('#contacts').getByRole('button', { name: 'Сначала новые', pressed: false }).waitFor()
  expect(messages).toEqual([])
})

test('an order that cannot be read is not shown as chosen', async () => {
  const site = await openSite({ portal: { seed: { companies: 60 } } })
  const { page } = await open(`${site.origin}/?lang=en`)
  const { section, range, numbers, button } = companiesOf(page)
  refuse(site, true)
  await button('Newest first').click()
  await section.getByRole('alert').waitFor()
  await section.getByRole('button', { name: 'Newest first', pressed: false }).waitFor()
  refuse(site, false)
  await button('Try again').click()
  await section.getByRole('button', { name: 'Newest first', pressed: true }).waitFor()
  expect(await range.textContent()).toBe('1–50 of 60')
  expect(await numbers.first().textContent()).toBe('1')
})
