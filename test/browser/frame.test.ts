// The browser story inside a portal: install, open from its menu and from a row, create, look at a card, clear; rights; silence.
// Must stay true: the application's origin is another site than the portal's, as in life; no console message on the way.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openBrowser } from '../support/chromium.ts'
import {
  appOf,
  inspectFrame as inspect,
  install,
  openFromMenu,
  openFromRow,
  openStage,
  runCard
} from '../support/stage.ts'

const open = openBrowser()

test('an administrator installs, opens it from the menu, creates, looks at a card, and clears what was created', {
  timeout: 90_000
}, async () => {
  const stage = await openStage(open)
  const { page, messages } = await install(stage)
  expect(stage.portal.applications.installed(stage.clientId)).toBe(true)
  const own = appOf(page)
  await own.getByRole('heading', { name: 'Создать записи' }).waitFor()
  await page.getByRole('heading', { name: 'BitrixCorp', exact: true }).waitFor()
  expect(await own.locator('#languages').count()).toBe(0)

  await page.goto(`${stage.portal.origin}/crm/company/list/`)
  const app = await openFromMenu(page)
  await app.getByRole('textbox', { name: 'Компаний' }).fill('20')
  await app.getByRole('button', { name: 'Создать' }).click()
  await runCard(app, 'completed').getByText('Готово. Создано: 20 компаний и 20 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 22, contacts: 21 })
  await app.locator('#companies tbody tr').nth(21).waitFor()
  const frame = page.frames().at(-1) ?? expect.fail('no frame')
  // As high as its content, and that is higher than the window.
  await expect
    .poll(() => frame.evaluate(() => innerHeight - document.documentElement.scrollHeight), { timeout: 5000 })
    .toBe(0)
  expect(await frame.evaluate(() => innerHeight)).toBeGreaterThan(1000)
  await inspect(page, 'frame')

  const [company] = stage.portal.state.records('company')
  const title = company?.values.TITLE ?? expect.fail('no company')
  await app.locator('#companies').getByRole('link', { name: title }).click()
  const card = page.getByRole('dialog', { name: title })
  await card.waitFor()
  await card.getByRole('button', { name: 'Закрыть' }).click()
  await card.waitFor({ state: 'hidden' })

  await app.getByRole('button', { name: 'Очистить' }).click()
  await app.getByRole('dialog').getByText('Сейчас в нём 22 компании и 21 контакт.').waitFor()
  expect(await app.getByLabel('Все компании и контакты').isEnabled()).toBe(true)
  await app.getByRole('dialog').getByRole('button', { name: 'Удалить' }).click()
  await runCard(app, 'completed').getByText('Удалено: 20 компаний и 20 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 2, contacts: 1 })
  expect(await page.context().cookies()).toEqual([])
  expect(messages).toEqual([])
})

test('opened on a company in the list, it offers contacts for this company', { timeout: 60_000 }, async () => {
  const stage = await openStage(open)
  await install(stage)
  const [, company] = stage.portal.state.records('company')
  const title = company?.values.TITLE ?? expect.fail('no second company')
  const { page, messages } = await stage.look('/crm/company/list/')
  const app = await openFromRow(page, `Действия: ${title}`)
  const card = app.locator('#company')
  await card.getByText(title, { exact: true }).waitFor()
  await card.getByRole('textbox', { name: 'Сколько контактов' }).fill('0')
  await card.getByRole('button', { name: 'Создать контакты' }).click()
  await card.getByText('Введите целое число от 1 до 10 000.').waitFor()
  await card.getByRole('textbox', { name: 'Сколько контактов' }).fill('3')
  await inspect(page, 'frame-company')
  await page.keyboard.press('Enter')
  await runCard(app, 'completed').getByText('Готово. Создано: 3 контакта.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 2, contacts: 4 })
  await expect.poll(() => app.locator('#companies tbody tr').nth(1).locator('li').count()).toBe(3)
  expect(messages).toEqual([])
})

test('an ordinary user cannot clear everything, nor stop what the administrator started', {
  timeout: 60_000
}, async () => {
  const stage = await openStage(open, { settings: { BITRIX_RATE: '2', BITRIX_BURST: '20' } })
  const { page, messages } = await install(stage)
  const app = appOf(page)
  await app.getByRole('textbox', { name: 'Компаний' }).fill('2000')
  await app.getByRole('button', { name: 'Создать' }).click()
  await runCard(app, 'running').getByText('из 4 000').waitFor()

  const colleague = await stage.look('/crm/contact/list/?user=2&lang=en')
  const theirs = await openFromRow(colleague.page, /^Actions: /)
  await runCard(theirs, 'running').waitFor()
  await theirs.locator('#run').getByText('Somebody else started this: Иван Петров.').waitFor()
  expect(await theirs.getByRole('button', { name: 'Stop' }).isVisible()).toBe(false)

  await app.getByRole('button', { name: 'Остановить' }).click()
  await runCard(app, 'cancelled').waitFor()
  await runCard(theirs, 'cancelled').waitFor()
  expect(await theirs.getByRole('button', { name: 'Resume' }).isVisible()).toBe(false)
  await theirs.getByRole('button', { name: 'Clear', exact: true }).click()
  const dialog = theirs.getByRole('dialog')
  expect(await dialog.getByRole('radio').nth(1).isDisabled()).toBe(true)
  await dialog.getByText('Only an administrator of the portal can do this').waitFor()
  await inspect(colleague.page, 'frame-ordinary-user')
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  // Their own run is theirs.
  await theirs.getByRole('textbox', { name: 'Companies' }).fill('1000')
  await theirs.getByRole('button', { name: 'Create', exact: true }).click()
  await Promise.all([runCard(theirs, 'running').waitFor(), runCard(app, 'running').waitFor()])
  await theirs.getByRole('button', { name: 'Stop' }).click()
  await runCard(theirs, 'cancelled').getByRole('button', { name: 'Resume' }).waitFor()
  // The administrator may do what they may.
  await runCard(app, 'cancelled').getByRole('button', { name: 'Продолжить' }).waitFor()
  // Each sees whose runs there were, and may act on their own.
  await app
    .locator('#run')
    .getByText(/^Начато .*, Мария Соколова$/)
    .waitFor()
  const earlier = (frame: typeof app) => frame.locator('#history').getByRole('listitem')
  await app.getByText('Прежние операции').click()
  await earlier(app).getByRole('button', { name: 'Продолжить' }).waitFor()
  expect(await earlier(app).textContent()).not.toContain('Иван Петров')
  await theirs.getByText('Earlier operations').click()
  await earlier(theirs)
    .getByText(/^Started .* by Иван Петров$/)
    .waitFor()
  expect(await earlier(theirs).getByRole('button').count()).toBe(0)
  expect([...messages, ...colleague.messages]).toEqual([])
})

test('the session is renewed while the page is open, and its end is said', { timeout: 60_000 }, async () => {
  const stage = await openStage(open)
  const { page } = await install(stage)
  await page.clock.install()
  await page.goto(`${stage.portal.origin}/`)
  const begun = page.waitForRequest(request => request.url().endsWith('/api/runs/latest'))
  const app = await openFromMenu(page)
  await app.getByRole('heading', { name: 'Создать записи' }).waitFor()
  // The heading is there before the script has set its clock.
  await begun
  const renewal = page.waitForResponse(response => response.url().endsWith('/api/session'))
  await page.clock.fastForward('10:01')
  const renewed = await renewal
  expect(renewed.status()).toBe(200)
  const { session } = (await renewed.json()) as { session: string } // as the route answers
  const used = page.waitForRequest(request => request.url().endsWith('/api/runs') && request.method() === 'POST')
  await app.getByRole('textbox', { name: 'Компаний' }).fill('1')
  await app.getByRole('button', { name: 'Создать' }).click()
  expect((await used).headers()['authorization']).toBe(`Bearer ${session}`)

  stage.portal.applications.remove(stage.clientId, false)
  await stage.portal.eventsSettled()
  await page.clock.fastForward('10:01')
  await app.locator('#notice').getByText('Откройте приложение в портале ещё раз').waitFor()
})

test('a portal that keeps silent is announced, and the page works all the same', { timeout: 60_000 }, async () => {
  const stage = await openStage(open)
  const { page, messages } = await install(stage)
  await page.clock.install()
  await page.route('**/desktop/frame', () => undefined)
  await page.goto(`${stage.portal.origin}/`)
  const app = await openFromMenu(page)
  await app.getByRole('heading', { name: 'Создать записи' }).waitFor()
  await page.clock.fastForward('00:11')
  await app.locator('#notice').getByText('Портал не отвечает этой странице').waitFor()
  const link = app.locator('#companies').getByRole('link').first()
  expect(await link.getAttribute('href')).toBe(`${stage.portal.origin}/crm/company/details/1/`)
  await app.getByRole('textbox', { name: 'Компаний' }).fill('3')
  await app.getByRole('button', { name: 'Создать' }).click()
  await expect.poll(() => stage.portal.state.counts()).toEqual({ companies: 5, contacts: 4 })
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  expect(messages).toEqual([])
})

test('an installation that the portal does not take is said so', { timeout: 60_000 }, async () => {
  const stage = await openStage(open)
  const { page, messages } = await stage.look('/marketplace/')
  await page.clock.install()
  await page.route('**/desktop/frame', () => undefined)
  await page.getByRole('button', { name: 'Установить', exact: true }).click()
  const steps = appOf(page).locator('.steps li[data-result="done"]')
  await steps.nth(7).waitFor()
  await inspect(page, 'install')
  await page.clock.fastForward('00:11')
  await appOf(page).getByText('повторять безопасно').waitFor()
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  expect(messages).toEqual([])
})

test('the script that every page loads stays under 60 kB, without the SDK', () => {
  const build = 'dist/placement/'
  const manifest: Record<string, { file: string; imports?: string[] }> = JSON.parse(
    readFileSync(`${build}.vite/manifest.json`, 'utf8')
  )
  const loaded = (source: string): string[] => {
    const chunk = manifest[source] ?? expect.fail(source)
    return [chunk.file, ...(chunk.imports ?? []).flatMap(loaded)]
  }
  const code = loaded('placement/main.ts').map(file => readFileSync(build + file, 'utf8'))
  expect(gzipSync(code.join('')).length).toBeLessThan(60_000)
  expect(code.join('')).not.toContain('JSSDK_')
})
