// Earlier runs: a stopped one is not lost when others run after it.
// Must stay true: a person's steps only; the portal holds exactly what was asked for.
import { expect, test } from 'vitest'
import { expectNoOverflow, inspect, openBrowser } from '../support/chromium.ts'
import { openSite } from '../support/site.ts'

const open = openBrowser()

test('a stopped run goes on from the history after others have run, and rejected rows are tried again', {
  timeout: 60_000
}, async () => {
  const site = await openSite({ portal: { speed: { commandMs: 50, workers: 1 } } })
  const { page, messages } = await open(site.origin)
  const card = page.locator('#run')
  const history = page.locator('#history')
  const entries = history.getByRole('listitem')
  const create = async (count: number) => {
    await page.getByRole('textbox', { name: 'Компаний' }).fill(String(count))
    await page.getByRole('button', { name: 'Создать' }).click()
  }
  await page.getByText('Компаний пока нет').waitFor()
  expect(await history.isVisible()).toBe(false)

  await create(400)
  const asked = page.waitForResponse('**/cancel')
  await page.getByRole('button', { name: 'Остановить' }).click()
  await asked
  // What is under way is done at once.
  site.portal.configure({ speed: { commandMs: 0 } })
  await card.getByText('Остановлено. Можно продолжить с того же места.').waitFor()
  await page.getByText('Прежние операции').click()
  await history.getByText('Других операций не было.').waitFor()

  // While it is open, it follows.
  site.portal.faults.random({ 'access-denied': { probability: 1, rows: { fraction: 0.3 } } }, 1)
  await create(20)
  await card.getByText('Готово, но не всё получилось.').waitFor()
  site.portal.faults.clear()
  const stopped = entries.filter({ hasText: 'Остановлено. Можно продолжить с того же места.' })
  await stopped.getByText(/^Начато \d/).waitFor()
  await inspect(page, 'history')
  await page.setViewportSize({ width: 320, height: 640 })
  await expectNoOverflow(page)
  await inspect(page, 'history-320')

  await page.reload()
  await page.getByText('Прежние операции').click()
  await entries.filter({ visible: true }).first().waitFor()
  await stopped.getByRole('button', { name: 'Продолжить' }).click()
  await card.getByText('Готово. Создано: 400 компаний и 400 контактов.').waitFor()
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('run-heading')

  const failed = entries.filter({ hasText: 'не всё получилось' })
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    failed.getByRole('button', { name: 'Скачать CSV' }).click()
  ])
  expect(file.suggestedFilename()).toMatch(/^bitrixcorp-\w+\.csv$/)
  await failed.getByRole('button', { name: 'Повторить неудавшиеся' }).click()
  await expect.poll(() => site.portal.state.counts()).toEqual({ companies: 420, contacts: 420 })
  expect(messages).toEqual([])
})

test('a history that cannot be read says why', async () => {
  const site = await openSite()
  expect((await fetch(`${site.origin}/bitrix/webhook/push-to-bitrix?count=1`, { method: 'POST' })).status).toBe(200)
  const { page } = await open(`${site.origin}/?lang=en`)
  await page.route('**/api/runs', route => route.abort())
  await page.getByText('Earlier operations').click()
  await page.locator('#history').getByText('The BitrixCorp server does not answer.').waitFor()
})

test('all of a long history can be seen, and deleted after a question', { timeout: 60_000 }, async () => {
  const site = await openSite()
  for (let run = 0; run < 53; run += 1) {
    const made = await fetch(`${site.origin}/bitrix/webhook/push-to-bitrix?count=1`, { method: 'POST' })
    expect(made.status).toBe(200)
  }
  const { page, messages } = await open(`${site.origin}/?lang=en`)
  const history = page.locator('#history')
  const entries = history.getByRole('listitem')
  await page.getByText('Earlier operations').click()
  const more = history.getByRole('button', { name: 'Show more' })
  await more.click()
  await expect.poll(() => entries.count()).toBe(53)
  expect(await more.isVisible()).toBe(false)

  const oldest = entries.last().getByRole('button', { name: 'Delete from history' })
  const dialog = page.getByRole('dialog')
  await oldest.click()
  await dialog.getByText('stay in the portal').waitFor()
  await inspect(page, 'history-delete')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect(await oldest.evaluate(button => button === document.activeElement)).toBe(true)
  expect(await entries.count()).toBe(53)

  await page.route('**/api/runs/*', route => route.abort())
  await oldest.click()
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await dialog.getByText('The BitrixCorp server does not answer.').waitFor()
  await page.unroute('**/api/runs/*')
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('status').getByText('The operation was deleted from the history.').waitFor({ state: 'attached' })
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('history-heading')
  await expect.poll(() => entries.count()).toBe(50)
  await more.click()
  await expect.poll(() => entries.count()).toBe(52)
  expect(site.portal.state.counts()).toEqual({ companies: 53, contacts: 53 })
  expect(messages.filter(text => !text.includes('ERR_FAILED'))).toEqual([])
})
