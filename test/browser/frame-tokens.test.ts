// Access that runs out under an open page: the portal's tokens, and our own session.
// Must stay true: an expired token is refreshed exactly once however many requests meet it; nothing is lost, nobody is bothered.
import type { FrameLocator } from 'playwright-core'
import { afterEach, expect, test, vi } from 'vitest'
import { openBrowser } from '../support/chromium.ts'
import { install, openFromMenu, openStage, runCard, type Stage, shownPercents } from '../support/stage.ts'

const open = openBrowser()
afterEach(() => {
  vi.restoreAllMocks()
})

/** A batch takes a second, eight at once: several are under way whenever a token expires. */
const UNHURRIED = { speed: { commandMs: 20 }, seed: { companies: 2, contacts: 1 } }

const fill = async (app: FrameLocator, companies: number): Promise<void> => {
  await app.getByRole('textbox', { name: 'Компаний' }).fill(String(companies))
  await app.getByRole('button', { name: 'Создать' }).click()
}
const openApp = async (stage: Stage) => {
  const visitor = await install(stage)
  await visitor.page.goto(`${stage.portal.origin}/`)
  const app = await openFromMenu(visitor.page)
  await app.getByRole('heading', { name: 'Создать записи' }).waitFor()
  return { ...visitor, app }
}
const expectNoTrouble = async (app: FrameLocator): Promise<void> => {
  for (const banner of ['#notice', '#offline', '#companies [data-part="trouble"]', '#contacts [data-part="trouble"]']) {
    expect(await app.locator(banner).isVisible(), banner).toBe(false)
  }
}

test('a token that expires while the page is idle is refreshed once, by whatever comes next', async () => {
  const stage = await openStage(open)
  const { app, messages } = await openApp(stage)
  const { stats } = stage.portal.authorization
  expect(stats.refreshes).toBe(0)
  stage.portal.applications.expireTokens(stage.clientId)
  // Both tables are read at the same time.
  await app.getByRole('button', { name: 'Очистить' }).click()
  await app.getByRole('dialog').getByText('Сейчас в нём 2 компании и 1 контакт.').waitFor()
  await app.getByRole('dialog').getByRole('button', { name: 'Отмена' }).click()
  await fill(app, 60)
  await runCard(app, 'completed').getByText('Готово. Создано: 60 компаний и 60 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 62, contacts: 61 })
  expect(stats.refreshes).toBe(1)

  stage.portal.applications.expireTokens(stage.clientId)
  await fill(app, 40)
  await runCard(app, 'completed').getByText('Готово. Создано: 40 компаний и 40 контактов.').waitFor()
  await app.locator('#companies').getByText('Всего: 102').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 102, contacts: 101 })
  expect(stats.refreshes).toBe(2)
  await expectNoTrouble(app)
  expect(messages).toEqual([])
})

test('a token that expires while a run is on is refreshed once, and the run does not notice', {
  timeout: 60_000
}, async () => {
  const stage = await openStage(open, { portal: UNHURRIED })
  const { app, messages } = await openApp(stage)
  const { stats } = stage.portal.authorization
  await fill(app, 1000)
  const percents = await shownPercents(app.getByRole('progressbar'))
  for (const [index, percent] of [10, 50].entries()) {
    await expect.poll(() => percents.now(), { timeout: 20_000 }).toBeGreaterThan(percent)
    await runCard(app, 'running').waitFor()
    expect(stats.refreshes).toBe(index)
    stage.portal.applications.expireTokens(stage.clientId)
  }
  await runCard(app, 'completed').getByText('Готово. Создано: 1 000 компаний и 1 000 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 1002, contacts: 1001 })
  expect(stats.refreshes).toBe(2)
  const seen = await percents.all()
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  await expectNoTrouble(app)
  expect(messages).toEqual([])
})

test('access that the portal takes back ends the run with a sentence; opening anew lets it go on', {
  timeout: 60_000
}, async () => {
  const stage = await openStage(open, { portal: UNHURRIED })
  const { page, app, messages } = await openApp(stage)
  await fill(app, 600)
  const percents = await shownPercents(app.getByRole('progressbar'))
  await expect.poll(() => percents.now(), { timeout: 20_000 }).toBeGreaterThan(10)
  stage.portal.applications.revokeTokens(stage.clientId)
  await runCard(app, 'failed')
    .getByText(/ткройте приложение в портале ещё раз/)
    .waitFor({ timeout: 20_000 })
  // The page proves the person anew by the frame's new tokens, and reads its tables; Chromium itself reports the refusal before that.
  await expectNoTrouble(app)
  expect(messages.filter(text => !text.includes('Failed to load resource'))).toEqual([])

  messages.length = 0
  await page.goto(`${stage.portal.origin}/`)
  const again = await openFromMenu(page)
  await runCard(again, 'failed').waitFor()
  await again.getByRole('button', { name: 'Продолжить' }).click()
  await runCard(again, 'completed').getByText('Готово. Создано: 600 компаний и 600 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 602, contacts: 601 })
  await expectNoTrouble(again)
  expect(messages).toEqual([])
})

test('a page that stays open for longer than a session lives goes on working, silently', {
  timeout: 60_000
}, async () => {
  let ahead = 0
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ahead)
  const stage = await openStage(open)
  const { page, messages } = await install(stage)
  await page.clock.install()
  await page.goto(`${stage.portal.origin}/`)
  const asked = page.waitForRequest(request => request.url().endsWith('/api/runs/latest'))
  const app = await openFromMenu(page)
  await app.getByRole('heading', { name: 'Создать записи' }).waitFor()
  const { authorization = '' } = (await asked).headers()

  // Server and page grow older together.
  for (const minutes of [10, 20, 30, 40]) {
    const renewal = page.waitForResponse(response => response.url().endsWith('/api/session'))
    ahead = minutes * 60_000
    await page.clock.fastForward('10:00')
    expect((await renewal).status()).toBe(200)
  }
  const refused = await fetch(`${stage.appOrigin}/api/runs`, { headers: { authorization } })
  expect([refused.status, await refused.json()]).toMatchObject([401, { error: 'SESSION_INVALID' }])
  await fill(app, 5)
  await runCard(app, 'completed').getByText('Готово. Создано: 5 компаний и 5 контактов.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 7, contacts: 6 })
  await expectNoTrouble(app)
  expect(messages).toEqual([])
})

test('a page that wakes up long after its session is over proves the person anew, and goes on', {
  timeout: 60_000
}, async () => {
  let ahead = 0
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ahead)
  const stage = await openStage(open)
  const { page, messages } = await install(stage)
  await page.clock.install()
  await page.goto(`${stage.portal.origin}/crm/company/list/`)
  const app = await openFromMenu(page)
  await app.getByRole('heading', { name: 'Создать записи' }).waitFor()

  // The second sleep is longer than any session is renewed for.
  for (const [hours, count] of [
    [1, 5],
    [14, 6]
  ] as const) {
    const asked = page.waitForResponse(response => response.url().endsWith('/api/runs/latest') && response.ok())
    ahead += hours * 3_600_000
    // As when a laptop is opened: each timer that is due fires once.
    await page.clock.fastForward(hours * 3_600_000)
    await asked
    await fill(app, count)
    await runCard(app, 'completed').getByText(`Готово. Создано: ${count} компаний и ${count} контактов.`).waitFor()
    await expectNoTrouble(app)
  }
  expect(stage.portal.state.counts()).toEqual({ companies: 13, contacts: 12 })
  // Chromium itself reports every 401.
  expect(messages.filter(text => !text.includes('Failed to load resource'))).toEqual([])
})

test('a page whose person has lost the application says that its session is over when it wakes up', {
  timeout: 60_000
}, async () => {
  let ahead = 0
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ahead)
  const stage = await openStage(open)
  const { page } = await install(stage)
  await page.clock.install()
  await page.goto(`${stage.portal.origin}/crm/company/list/`)
  const app = await openFromMenu(page)
  await app.getByRole('heading', { name: 'Создать записи' }).waitFor()
  const proofs: string[] = []
  await page.route('**/api/session?*', route => {
    proofs.push(route.request().url())
    return route.fulfill({ status: 403, json: { error: 'NOT_INSTALLED', error_description: 'gone' } })
  })
  ahead = 3_600_000
  await page.clock.fastForward(ahead)
  await app.locator('#notice').getByText('Сессия страницы закончилась').waitFor()
  expect(proofs[0]).not.toMatch(/AUTH_ID|REFRESH_ID/)
})
