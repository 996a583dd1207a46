// The page when something is wrong: the portal, the server, the secret.
// Must stay true: the page says what is wrong in its own language, and recovers by itself or by one button.
import { expect, test } from 'vitest'
import { inspect, openBrowser } from '../support/chromium.ts'
import { openSite } from '../support/site.ts'

const open = openBrowser()

/** Chromium itself reports every refused request; only scripts must keep quiet. */
const ofScripts = (messages: readonly string[]): string[] =>
  messages.filter(message => !message.includes('Failed to load resource'))

test('a portal that refuses us is explained in both tables, and one button reads again', async () => {
  const site = await openSite({ portal: { seed: { companies: 3, contacts: 3 } } })
  site.portal.configure({ refusal: 'PAYMENT_REQUIRED' })
  const { page, messages } = await open(site.origin)
  await page.locator('#companies').getByText('Тариф портала не включает REST API').waitFor()
  await page.locator('#contacts').getByText('Тариф портала не включает REST API').waitFor()
  await inspect(page, 'portal-refuses')

  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="failed"]').getByText('Тариф портала').waitFor()
  await page.getByRole('button', { name: 'Продолжить' }).waitFor()

  site.portal.configure({ refusal: undefined })
  await page.locator('#companies').getByRole('button', { name: 'Повторить' }).click()
  await page.locator('#companies tbody tr').nth(2).waitFor()
  expect(ofScripts(messages)).toEqual([])
})

test('a table that cannot be read any more does not say that it is empty', async () => {
  const site = await openSite()
  const { page } = await open(site.origin)
  const empty = page.locator('#companies').getByText('Компаний пока нет')
  await empty.waitFor()
  site.portal.configure({ refusal: 'PAYMENT_REQUIRED' })
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#companies').getByText('Не удалось прочитать записи').waitFor()
  expect(await empty.isVisible()).toBe(false)

  site.portal.configure({ refusal: undefined })
  await page.locator('#companies').getByRole('button', { name: 'Повторить' }).click()
  await empty.waitFor()
})

test('a run that waits says for what and until when', async () => {
  const site = await openSite()
  const { page } = await open(site.origin)
  site.portal.restart(120_000)
  await page.getByRole('button', { name: 'Создать' }).click()
  await page
    .locator('#run')
    .getByText(/Портал не отвечает, следующая попытка в \d\d:\d\d/)
    .waitFor()
  await inspect(page, 'waiting')
  await page.getByRole('button', { name: 'Остановить' }).click()
  await page.locator('#run[data-status="cancelled"]').waitFor()
})

test('a stopped run stays stopped, though the answer to the button comes after the stream has said so', async () => {
  const site = await openSite({ settings: { BITRIX_RATE: '2', BITRIX_BURST: '20' } })
  const { page, messages } = await open(site.origin)
  const card = page.locator('#run')
  const statuses: string[] = []
  await page.exposeFunction('statusShown', (status: string) => statuses.at(-1) === status || statuses.push(status))
  await card.evaluate(element => {
    const { statusShown } = window as unknown as { statusShown: (status: string) => void } // exposed above
    new MutationObserver(() => statusShown(element.dataset['status'] ?? '')).observe(element, {
      attributeFilter: ['data-status']
    })
  })
  await page.route('**/cancel', async route => {
    const response = await route.fetch()
    await page.locator('#run[data-status="cancelled"]').waitFor()
    // What a snapshot looks like that was taken before the run had ended.
    await route.fulfill({ response, json: { ...(await response.json()), status: 'running', finishedAt: null } })
  })
  await page.getByRole('textbox', { name: 'Компаний' }).fill('500')
  await page.getByRole('button', { name: 'Создать' }).click()
  const answered = page.waitForResponse('**/cancel')
  await page.getByRole('button', { name: 'Остановить' }).click()
  await (await answered).finished()
  await page.getByRole('button', { name: 'Продолжить' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(statuses).toEqual(['running', 'cancelled', 'running', 'completed'])
  expect(messages).toEqual([])
})

test('a dead server is announced, and the page comes back by itself', { timeout: 60_000 }, async () => {
  const site = await openSite()
  const { page, messages } = await open(site.origin)
  await site.stop()
  await page.getByText('Нет связи с сервером BitrixCorp').waitFor()
  await page.getByRole('button', { name: 'Создать' }).click()
  const refused = page.locator('#notice').getByText('Сервер BitrixCorp не отвечает')
  await refused.waitFor()
  await page.locator('#create-estimate').getByText('Займёт примерно').waitFor({ state: 'hidden' })
  site.portal.state.seed({ companies: 2 })
  await site.start()
  await page.getByText('Нет связи с сервером BitrixCorp').waitFor({ state: 'hidden' })
  await page.locator('#companies tbody tr').nth(1).waitFor()
  await refused.waitFor({ state: 'hidden' })
  await page.locator('#create-estimate').getByText('Займёт примерно').waitFor()
  expect(ofScripts(messages)).toEqual([])
})

test('a portal that asks for fewer requests again and again is named as the reason', { timeout: 60_000 }, async () => {
  const site = await openSite({ settings: { BITRIX_RATE: '2', BITRIX_BURST: '50' } })
  const { page } = await open(site.origin)
  await page.getByText('Компаний пока нет').waitFor()
  site.portal.faults.next('query-limit', { when: ({ writes }) => writes, times: 1000 })
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run').getByText('Bitrix24 ограничил число запросов до').waitFor()
  site.portal.faults.clear()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(site.portal.state.counts()).toEqual({ companies: 100, contacts: 100 })
})

test('a page that is not let in any more says so once and asks no more', async () => {
  const site = await openSite()
  const { page } = await open(site.origin)
  await page.clock.install()
  await page.reload()
  const asked: string[] = []
  await page.route('**/api/runs/latest', route => {
    asked.push(route.request().url())
    return route.fulfill({ status: 401, json: { error: 'SESSION_INVALID', error_description: 'over' } })
  })
  await expect.poll(() => page.clock.fastForward(3001).then(() => asked.length)).toBe(1)
  await page.locator('#notice').getByText('Сессия страницы закончилась').waitFor()
  await page.locator('#notice').getByRole('button', { name: 'Закрыть' }).click()
  await page.clock.runFor(60_000)
  expect(asked).toHaveLength(1)
  expect(await page.locator('#notice').isVisible()).toBe(false)
})

test('the secret leaves the address bar, survives a reload and a change of language', async () => {
  const site = await openSite({ settings: { BITRIX_WEBHOOK_SECRET: 'open-sesame-0123456789' } })
  const { page, messages } = await open(site.origin)
  await page.getByLabel('Секрет доступа').waitFor()
  await inspect(page, 'forbidden')

  await page.getByLabel('Секрет доступа').fill('wrong-word')
  await page.keyboard.press('Enter')
  await page.waitForURL(url => url.searchParams.get('secret') === null && url.pathname === '/')
  await page.getByLabel('Секрет доступа').fill('open-sesame-0123456789')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Создать' }).waitFor()
  await expect.poll(() => page.url()).not.toContain('sesame')

  await page.reload()
  await page.getByRole('button', { name: 'Создать' }).waitFor()
  await page.getByRole('link', { name: 'EN' }).click()
  await page.getByRole('textbox', { name: 'Companies' }).fill('2')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(page.url()).not.toContain('sesame')
  expect(site.portal.state.counts()).toEqual({ companies: 2, contacts: 2 })
  expect(ofScripts(messages)).toEqual([])
})
