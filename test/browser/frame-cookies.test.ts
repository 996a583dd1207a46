// Browsers that let a framed page of another site keep nothing, or nobody anything: the application needs none of it.
// Must stay true: a probe in the same tab proves that the browser really refuses; its twin proves that the probe would notice.
import { beforeAll, expect, test } from 'vitest'
import { openProfile, visitIn } from '../support/chromium.ts'
import { openCookieProbe } from '../support/cookie-probe.ts'
import { buildPage, openSite } from '../support/site.ts'
import { install, openFromMenu, openFromRow, openStage, runCard } from '../support/stage.ts'

beforeAll(buildPage)

const ALLOWED = { profile: { cookie_controls_mode: 0 } }
/** Settings → Privacy → "Block third-party cookies": storage in such frames throws, too. */
const BLOCKED = { profile: { cookie_controls_mode: 1 } }
const NOTHING_AT_ALL = { profile: { default_content_setting_values: { cookies: 2 } } }

test('the probe notices a browser that lets framed sites keep cookies', async () => {
  const probe = await openCookieProbe()
  const context = await openProfile(ALLOWED)
  const stage = await openStage(url => visitIn(context, url))
  const { page } = await stage.look('/')
  expect(await probe.ask(page)).toEqual({ cookies: 'probe=1', storage: 'open' })
})

for (const [name, preferences] of Object.entries({ 'third-party': BLOCKED, all: NOTHING_AT_ALL })) {
  test(`with ${name} cookies blocked, everything works inside the portal`, { timeout: 60_000 }, async () => {
    const probe = await openCookieProbe()
    const context = await openProfile(preferences)
    const stage = await openStage(url => visitIn(context, url), { portal: { speed: { commandMs: 20 } } })
    const { page, messages } = await install(stage)
    expect(await probe.ask(page)).toEqual({ cookies: '', storage: 'SecurityError' })

    await page.goto(`${stage.portal.origin}/`)
    const app = await openFromMenu(page)
    await app.getByRole('textbox', { name: 'Компаний' }).fill('300')
    await app.getByRole('button', { name: 'Создать' }).click()
    await runCard(app, 'running').waitFor()
    await runCard(app, 'completed').getByText('Готово. Создано: 300 компаний и 300 контактов.').waitFor()
    expect(stage.portal.state.counts()).toEqual({ companies: 302, contacts: 301 })

    const { page: second, messages: more } = await stage.look('/crm/company/list/')
    const onRow = await openFromRow(second, /^Действия: /)
    await onRow.getByRole('button', { name: 'Создать контакты' }).click()
    await runCard(onRow, 'completed').getByText('Создано: 10 контактов.').waitFor()

    await app.getByRole('button', { name: 'Очистить' }).click()
    await app.getByRole('dialog').getByText('302 компании и 311 контактов').waitFor()
    await app.getByRole('dialog').getByRole('button', { name: 'Удалить' }).click()
    await runCard(app, 'completed').getByText('Удалено: 300 компаний и 310 контактов.').waitFor()
    expect(stage.portal.state.counts()).toEqual({ companies: 2, contacts: 1 })
    expect(await context.cookies()).toEqual([])
    expect([...messages, ...more]).toEqual([])
  })
}

test('the page by itself works where the browser keeps nothing, with a secret too', async () => {
  const site = await openSite({ settings: { BITRIX_WEBHOOK_SECRET: 'open-sesame-0123456789' } })
  const context = await openProfile(NOTHING_AT_ALL)
  const { page, messages } = await visitIn(context, `${site.origin}/?secret=open-sesame-0123456789`)
  const storage = await page.evaluate(() => {
    try {
      return String(sessionStorage)
    } catch (error) {
      return (error as Error).name // a DOMException
    }
  })
  expect(storage).toBe('SecurityError')
  expect(page.url()).not.toContain('sesame')
  await page.getByRole('textbox', { name: 'Компаний' }).fill('5')
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  await page.getByRole('link', { name: 'EN' }).click()
  await page.locator('#companies').getByText('Total: 5').waitFor()
  expect(page.url()).not.toContain('sesame')
  expect(site.portal.state.counts()).toEqual({ companies: 5, contacts: 5 })
  expect(messages).toEqual([])
})
