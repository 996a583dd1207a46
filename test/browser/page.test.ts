// The browser story: create, watch, second tab, reload in the middle, cancel, resume, clear.
// Must stay true: a person's steps only; no console message on the way; pictures go to artifacts/.
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { expectNoOverflow, inspect, openBrowser, visitAgain } from '../support/chromium.ts'
import { openSite } from '../support/site.ts'

const open = openBrowser()

/** 4000 rows need 80 requests: more than a minute, in which any machine shows the page, takes a picture and stops the run. */
const SLOW = { BITRIX_RATE: '1', BITRIX_BURST: '20' }
const FAST = { BITRIX_RATE: '1000', BITRIX_BURST: '1000' }

const runCard = (page: Page, status: string) => page.locator(`#run[data-status="${status}"]`)
const percent = async (page: Page): Promise<number> =>
  Number(await page.getByRole('progressbar').evaluate(bar => (bar as HTMLProgressElement).value)) // a <progress>
const rowsOf = (page: Page, table: 'companies' | 'contacts') => page.locator(`#${table} tbody tr`)
const totalOf = (page: Page, table: string) => page.locator(`#${table} [data-part="total"]`)
const until = (check: () => Promise<void>) =>
  expect.poll(() => check().then(() => true), { timeout: 20_000 }).toBe(true)
const isDisabled = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).isDisabled()

test('a person creates records, watches, stops, goes on after a restart of the server, and clears, in two tabs', {
  timeout: 120_000
}, async () => {
  const site = await openSite({ settings: SLOW })
  const first = await open(site.origin)
  const { page } = first
  await page.getByText('Компаний пока нет').waitFor()
  await inspect(page, 'empty')

  await page.getByRole('textbox', { name: 'Компаний' }).fill('десять')
  await page.keyboard.press('Enter')
  await page.getByText('Введите целое число от 1 до 10 000.').waitFor()
  expect(site.portal.state.counts()).toEqual({ companies: 0, contacts: 0 })

  await page.getByRole('textbox', { name: 'Компаний' }).fill('2000')
  expect(await page.getByRole('textbox', { name: 'Контактов' }).inputValue()).toBe('2000')
  await page.keyboard.press('Enter')
  await runCard(page, 'running').waitFor()
  expect(await isDisabled(page, 'Создать')).toBe(true)
  expect(await isDisabled(page, 'Очистить')).toBe(true)

  const second = await visitAgain(first, site.origin)
  await runCard(second.page, 'running').waitFor()
  expect(await isDisabled(second.page, 'Создать')).toBe(true)

  await expect.poll(() => percent(page), { timeout: 30_000 }).toBeGreaterThan(2)
  await rowsOf(page, 'companies').nth(9).waitFor()
  await inspect(page, 'running')
  const seen = await percent(page)
  await page.reload()
  await runCard(page, 'running').waitFor()
  expect(await percent(page)).toBeGreaterThanOrEqual(seen)

  await page.getByRole('button', { name: 'Остановить' }).click()
  await Promise.all([runCard(page, 'cancelled').waitFor(), runCard(second.page, 'cancelled').waitFor()])
  await expect.poll(() => isDisabled(second.page, 'Создать')).toBe(false)
  const { companies, contacts } = site.portal.state.counts()
  expect(companies + contacts).toBeLessThan(4000)
  await inspect(page, 'cancelled')

  expect([...first.messages, ...second.messages]).toEqual([])
  await site.stop()
  await page.getByText('Нет связи с сервером').waitFor()
  await site.start(FAST)
  for (const tab of [first, second]) {
    await tab.page.getByText('Нет связи с сервером').waitFor({ state: 'hidden' })
    // Chromium's own reports of the lost connection.
    tab.messages.length = 0
  }
  await second.page.getByRole('button', { name: 'Продолжить' }).click()
  await runCard(second.page, 'completed').waitFor()
  await runCard(page, 'completed').waitFor()
  expect(site.portal.state.counts()).toEqual({ companies: 2000, contacts: 2000 })
  await runCard(page, 'completed').getByText('Готово. Создано: 2 000 компаний и 2 000 контактов.').waitFor()
  for (const tab of [page, second.page]) {
    await tab.locator('#contacts [data-part="total"]', { hasText: 'Всего: 2 000' }).waitFor()
  }
  await inspect(page, 'completed')

  const opener = page.getByRole('button', { name: 'Очистить' })
  await opener.click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('Сейчас в нём 2 000 компаний и 2 000 контактов.').waitFor()
  expect(await dialog.textContent()).toContain(site.portal.host)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  expect(await opener.evaluate(button => button === document.activeElement)).toBe(true)

  await page.keyboard.press('Enter')
  await dialog.getByLabel('Все компании и контакты').check()
  await dialog.getByRole('button', { name: 'Удалить' }).click()
  await dialog.getByText('Адрес не совпадает').waitFor()
  await inspect(page, 'dialog')
  await dialog.getByLabel('Чтобы подтвердить').fill(site.portal.host)
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('run-heading')
  await runCard(page, 'completed').getByText('Очистка CRM').waitFor()
  await page.getByText('Компаний пока нет').waitFor()
  await until(() => totalOf(second.page, 'contacts').getByText('Всего: 0').waitFor())
  expect(site.portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
  expect([...first.messages, ...second.messages]).toEqual([])
})

test('tables go on in pages of 50 with row numbers, forwards and back', async () => {
  const site = await openSite({ portal: { seed: { companies: 120, contacts: 50 } } })
  const { page, messages } = await open(site.origin)
  expect(await rowsOf(page, 'companies').count()).toBe(50)
  expect(await page.locator('#contacts [data-part="pager"]').isVisible()).toBe(false)
  const range = page.locator('#companies [data-part="range"]')
  const turn = (name: string) => page.locator('#companies').getByRole('button', { name }).click()

  await turn('Вперёд')
  await range.getByText('51–100 из 120').waitFor()
  expect(await rowsOf(page, 'companies').first().textContent()).toMatch(/^\s*51\s/)
  await turn('Вперёд')
  await range.getByText('101–120 из 120').waitFor()
  expect(await rowsOf(page, 'companies').count()).toBe(20)
  await turn('Назад')
  await range.getByText('51–100 из 120').waitFor()
  await turn('Назад')
  await range.getByText('1–50 из 120').waitFor()

  await page.locator('#companies').getByRole('button', { name: 'Вперёд' }).dblclick()
  await range.getByText('51–100 из 120').waitFor()
  await turn('Вперёд')
  await range.getByText('101–120 из 120').waitFor()
  expect(messages).toEqual([])
})

test('who clears is told how many records go, and cannot delete nothing', async () => {
  const site = await openSite({ portal: { seed: { companies: 3, contacts: 2 } } })
  const { page } = await open(site.origin)
  await page.getByRole('button', { name: 'Очистить' }).click()
  const dialog = page.getByRole('dialog')
  const submit = dialog.getByRole('button', { name: 'Удалить' })
  await dialog.getByText('Удалять нечего.').waitFor()
  expect(await submit.isDisabled()).toBe(true)
  expect(await dialog.getByText('не сможет вернуть').isVisible()).toBe(false)
  await dialog.getByLabel('Все компании и контакты').check()
  await dialog.getByText('Будет удалено: 3 компании и 2 контакта.').waitFor()
  await dialog.getByText('не сможет вернуть').waitFor()

  // Begun elsewhere meanwhile.
  await submit.click()
  await dialog.getByText('Адрес не совпадает').waitFor()
  await dialog.getByLabel('Чтобы подтвердить').pressSequentially('1')
  await dialog.getByText('Адрес не совпадает').waitFor({ state: 'hidden' })
  site.portal.restart(120_000)
  await fetch(`${site.origin}/api/runs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"kind":"create","companies":5}'
  })
  await dialog.getByText('Сервис занят, попробуйте позже').waitFor()
  expect(await submit.isDisabled()).toBe(true)
})

test('hostile, endless and right-to-left names show as text, also on a phone', async () => {
  const names = [
    '<script>alert(1)</script>',
    '{{7*7}}',
    '"><img src=x onerror=alert(1)>',
    'Я'.repeat(10_000),
    'חברה (א)'
  ]
  const site = await openSite({
    portal: {
      seed: {
        companies: names.map((TITLE, index) => ({ id: index + 1, fields: { TITLE } })),
        contacts: names.map((LAST_NAME, index) => ({ fields: { LAST_NAME, NAME: LAST_NAME }, companyIds: [index + 1] }))
      }
    }
  })
  const { page, messages } = await open(site.origin, {
    viewport: { width: 320, height: 640 },
    colorScheme: 'dark'
  })
  const titles = () => page.locator('#companies [data-field="title"]').allTextContents()
  expect(await titles()).toEqual(names)
  await expectNoOverflow(page)
  await inspect(page, 'hostile-names-320-dark')

  // The same rows again, now written by the script.
  site.portal.state.seed({ companies: [{ fields: { TITLE: '</script><b>' } }] })
  await page.getByRole('button', { name: 'Очистить' }).click()
  await page.getByRole('dialog').getByText('6 компаний').waitFor()
  expect(await titles()).toEqual([...names, '</script><b>'])
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Контакты', exact: true }).click()
  expect(await page.locator('#contacts [data-field="company"]').allTextContents()).toEqual(names)
  await expectNoOverflow(page)
  expect(messages).toEqual([])
})

test('rejected rows are shown with their reasons, can be saved and tried again', async () => {
  const site = await openSite()
  site.portal.faults.random({ 'access-denied': { probability: 1, rows: { fraction: 0.3 } } }, 1)
  const { page, messages } = await open(`${site.origin}/?lang=en`)
  await page.getByRole('textbox', { name: 'Companies' }).fill('40')
  await page.getByRole('button', { name: 'Create' }).click()
  await runCard(page, 'completed').waitFor()
  const { companies, contacts } = site.portal.state.counts()
  expect(await page.locator('#run details tbody tr').count()).toBe(80 - companies - contacts)
  await page.locator('#run details').getByText('Access denied').first().waitFor()
  await inspect(page, 'rejected-en')
  await page.setViewportSize({ width: 320, height: 640 })
  await expectNoOverflow(page)

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click()
  ])
  expect(download.suggestedFilename()).toMatch(/^bitrixcorp-\w+\.csv$/)

  site.portal.faults.clear()
  await page.getByRole('button', { name: 'Retry failed' }).click()
  await expect.poll(() => site.portal.state.counts()).toEqual({ companies: 40, contacts: 40 })
  await runCard(page, 'completed').getByText('Done. Created').waitFor()
  expect(messages).toEqual([])
})
