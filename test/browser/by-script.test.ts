// The page lies open while a script works on the same portal.
// Must stay true: nobody reloads, and nobody touches the page.
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { openBrowser } from '../support/chromium.ts'
import { openSite } from '../support/site.ts'

const open = openBrowser()

const ended = (page: Page) => page.locator('#run[data-status="completed"]')

test('runs that a script begins and ends in a moment are shown, and the tables follow them', async () => {
  const site = await openSite()
  const script = (path: string) => fetch(`${site.origin}${path}`, { method: 'POST' })
  const { page, messages } = await open(site.origin)
  await page.getByText('Компаний пока нет').waitFor()

  expect((await script('/bitrix/webhook/push-to-bitrix?count=3')).status).toBe(200)
  await ended(page).getByText('Готово. Создано: 3 компании и 3 контакта.').waitFor()
  await page.locator('#companies tbody tr').nth(2).waitFor()
  await page.locator('#contacts [data-part="total"]').getByText('Всего: 3').waitFor()

  expect((await script('/bitrix/clear-bitrix')).status).toBe(200)
  await ended(page).getByText('Очистка CRM').waitFor()
  await page.getByText('Компаний пока нет').waitFor()
  expect(messages).toEqual([])
})

test('a stopped run that a script lets go on and end in a moment fills the tables', async () => {
  const site = await openSite({ portal: { speed: { commandMs: 50, workers: 1 } } })
  const script = (path: string, body?: string) =>
    fetch(`${site.origin}${path}`, {
      method: 'POST',
      ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body })
    })
  const { page } = await open(site.origin)
  const started = await script('/api/runs', '{"kind":"create","companies":40}')
  const { id } = (await started.json()) as { id: string } // as the contract says
  await script(`/api/runs/${id}/cancel`)
  await page.locator('#run[data-status="cancelled"]').waitFor()

  site.portal.configure({ speed: { commandMs: 0 } })
  await script(`/api/runs/${id}/resume`)
  await ended(page).getByText('Готово. Создано: 40 компаний и 40 контактов.').waitFor()
  await page.locator('#companies tbody tr').nth(39).waitFor()
})

test('rows that a run has deleted are not shown above a total of none, however long the tables take to be read', async () => {
  const site = await openSite({
    portal: { seed: { companies: 3, contacts: 2 }, speed: { commandMs: 600, workers: 1 } }
  })
  const { page } = await open(site.origin)
  await page.locator('#companies tbody tr').nth(2).waitFor()
  await page.route('**/api/companies?*', () => undefined)
  expect((await fetch(`${site.origin}/bitrix/clear-bitrix`, { method: 'POST' })).status).toBe(200)
  await ended(page).waitFor()
  await page.getByText('Компаний пока нет').waitFor()
  expect(await page.locator('#companies table').isVisible()).toBe(false)
})
