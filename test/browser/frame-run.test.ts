// A run from beginning to end inside the portal: installed, opened from everywhere, created, stopped, gone on with, cleared.
// Must stay true: the portal holds exactly what was asked for; not a word on the console.
import type { FrameLocator } from 'playwright-core'
import { expect, test } from 'vitest'
import { openBrowser } from '../support/chromium.ts'
import { appOf, installHere, openFromMenu, openFromRow, openStage, runCard, shownPercents } from '../support/stage.ts'

const open = openBrowser()

/** A batch takes a second, eight at once: 2000 rows take some seconds whatever the machine. */
const UNHURRIED = { speed: { commandMs: 20 } }

const fill = async (app: FrameLocator, companies: number): Promise<void> => {
  await app.getByRole('textbox', { name: 'Компаний' }).fill(String(companies))
  await app.getByRole('button', { name: 'Создать' }).click()
}

test('an administrator installs; the placements appear; each opens the application', { timeout: 60_000 }, async () => {
  const stage = await openStage(open)
  const { page, messages } = await stage.look('/crm/company/list/')
  const analytics = page.getByRole('button', { name: 'Аналитика' })
  const leftMenu = page.getByRole('navigation', { name: 'Меню' }).getByRole('button', { name: 'BitrixCorp' })
  await analytics.click()
  expect([await page.getByRole('menuitem').count(), await leftMenu.count()]).toEqual([0, 0])

  await page.goto(`${stage.portal.origin}/marketplace/`)
  await installHere(page)
  await appOf(page).getByRole('heading', { name: 'Создать записи' }).waitFor()

  const [first] = stage.portal.state.records('company')
  const openers: Readonly<Record<string, () => Promise<unknown>>> = {
    '/?menu': () => openFromMenu(page),
    '/': () => leftMenu.click(),
    '/crm/company/list/?row': () => openFromRow(page, `Действия: ${first?.values.TITLE}`),
    '/crm/contact/list/?row': () => openFromRow(page, /^Действия: /),
    '/crm/company/list/': async () => {
      await page.getByRole('button', { name: 'Расширения: Компании' }).click()
      await page.getByRole('menuitem').click()
    },
    '/crm/contact/list/': async () => {
      await page.getByRole('button', { name: 'Расширения: Контакты' }).click()
      await page.getByRole('menuitem').click()
    }
  }
  for (const [path, opener] of Object.entries(openers)) {
    await page.goto(stage.portal.origin + path)
    await opener()
    await appOf(page).getByRole('heading', { name: 'Создать записи' }).waitFor()
    await appOf(page).locator('#companies tbody tr').nth(1).waitFor()
  }
  expect(messages).toEqual([])
})

test('creates, is stopped, goes on, and clears what it created, exactly', { timeout: 90_000 }, async () => {
  const stage = await openStage(open, { portal: { ...UNHURRIED, seed: { companies: 2, contacts: 1 } } })
  const { page, messages } = await stage.look('/marketplace/')
  await installHere(page)
  await page.goto(`${stage.portal.origin}/crm/company/list/`)
  const app = await openFromMenu(page)
  const bar = app.getByRole('progressbar')
  await fill(app, 1000)
  await runCard(app, 'running').waitFor()
  const percents = await shownPercents(bar)
  await expect.poll(() => percents.now(), { timeout: 20_000 }).toBeGreaterThan(10)
  await app.getByRole('button', { name: 'Остановить' }).click()
  await runCard(app, 'cancelled').getByText('Остановлено. Можно продолжить с того же места.').waitFor()
  const stoppedAt = await percents.now()
  const { companies, contacts } = stage.portal.state.counts()
  expect(companies + contacts).toBeGreaterThan(200)
  expect(companies + contacts).toBeLessThan(2003)

  await app.getByRole('button', { name: 'Продолжить' }).click()
  await runCard(app, 'completed').getByText('Готово. Создано: 1 000 компаний и 1 000 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 1002, contacts: 1001 })
  const tags = [...stage.portal.state.records('company'), ...stage.portal.state.records('contact')]
    .map(({ values }) => values.ORIGIN_ID)
    .filter(Boolean)
  expect(new Set(tags).size).toBe(2000)
  const seen = await percents.all()
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect([seen.length > 10, seen.includes(stoppedAt), seen.at(-1)]).toEqual([true, true, 100])

  await app.getByRole('button', { name: 'Очистить' }).click()
  await app.getByRole('dialog').getByText('Сейчас в нём 1 002 компании и 1 001 контакт.').waitFor()
  await app.getByRole('dialog').getByRole('button', { name: 'Удалить' }).click()
  await runCard(app, 'completed').getByText('Удалено: 1 000 компаний и 1 000 контактов.').waitFor({ timeout: 60_000 })
  expect(stage.portal.state.counts()).toEqual({ companies: 2, contacts: 1 })
  await app.locator('#companies').getByText('Всего: 2').waitFor()
  expect(messages).toEqual([])
})
