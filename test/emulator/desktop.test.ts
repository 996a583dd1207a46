// The desktop in real Chromium: menus, lists, installing and deleting applications, and what its server takes.
// Must stay true: everything is found by role and name, as a person finds it; the browser says nothing on its console.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { appFrame, inApp, look, openStage } from './desktop-stage.ts'
import { get, openPortal, post } from './portal-client.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())

describe('menus and lists', () => {
  it('show the first records, and the applications at their places, in both languages', async () => {
    const set = await openStage()
    const { page, messages } = await look(browser, set, '/')
    const companies = page.getByRole('table', { name: 'Компании' })
    expect(await companies.getByRole('row').count()).toBe(21)
    await page.getByRole('button', { name: 'Аналитика' }).click()
    await page.getByRole('menuitem', { name: 'Место CRM_ANALYTICS_MENU' }).waitFor()
    await page.getByRole('button', { name: 'Расширения: Контакты' }).click()
    expect(await page.getByRole('menuitem', { name: 'Место CRM_ANALYTICS_MENU' }).isVisible()).toBe(false)
    await page.getByRole('menuitem', { name: 'Место CRM_CONTACT_LIST_TOOLBAR' }).waitFor()
    await page.getByRole('link', { name: 'English' }).click()
    await page.getByRole('navigation', { name: 'Menu' }).getByRole('button', { name: 'Place LEFT_MENU' }).waitFor()
    await page.getByRole('link', { name: /Мария Соколова/ }).click()
    await page.getByRole('link', { name: /Мария Соколова/, includeHidden: false }).waitFor()
    expect(await page.locator('body').getAttribute('data-user')).toBe('2')
    await page.getByRole('navigation', { name: 'CRM' }).getByRole('link', { name: 'Contacts' }).click()
    expect(await page.getByRole('table').count()).toBe(1)
    expect(messages).toEqual([])
  })

  it('lose no click that comes before their script', async () => {
    const set = await openStage()
    const { page, messages } = await look(browser, set, '/marketplace/')
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    await page.route('**/desktop/desktop.js', async route => {
      await held
      await route.continue()
    })
    await page.goto(`${set.portal.origin}/`, { waitUntil: 'commit' })
    await page.getByText('Место LEFT_MENU').waitFor()
    const click = page.getByRole('button', { name: 'Аналитика' }).click()
    await page.evaluate(() => new Promise(requestAnimationFrame))
    release()
    await click
    await page.getByRole('menuitem', { name: 'Место CRM_ANALYTICS_MENU' }).waitFor()
    expect(messages).toEqual([])
  })

  it('show names as text, whatever is in them', async () => {
    const set = await openStage()
    const evil = '"><img src=x onerror=alert(1)>{{7*7}}'
    set.portal.state.companies.change(set.portal.state.records('company')[0] ?? expect.fail(), { TITLE: evil })
    const { page, messages } = await look(browser, set, '/crm/company/list/')
    await page.getByRole('button', { name: evil, exact: true }).click()
    await page.getByRole('dialog', { name: evil }).waitFor()
    expect(await page.frameLocator('.slider iframe').getByRole('heading').textContent()).toBe(evil)
    expect(messages).toEqual([])
  })
})

describe('installing on the desktop', () => {
  it('traps 11 and 12: an administrator installs in a slider, the portal reloads, placements appear', async () => {
    const set = await openStage({ installUrl: 'http://127.0.0.1:9/install' })
    const { app, portal, clientId } = set
    portal.applications.save(clientId, { installUrl: `${app.origin}/install` })
    const { page, messages } = await look(browser, set, '/marketplace/?user=2')
    await page
      .getByRole('row', { name: /Корпорация/ })
      .getByRole('button', { name: 'Открыть' })
      .click()
    await page.getByRole('alert').getByText('Приложение установлено не полностью').waitFor()
    expect([app.arrivals.length, await page.getByText('Место LEFT_MENU').count()]).toEqual([0, 0])
    await page.getByRole('link', { name: /Иван Петров/ }).click()
    await page
      .getByRole('row', { name: /Корпорация/ })
      .getByRole('button', { name: 'Установить', exact: true })
      .click()
    await page.getByRole('dialog', { name: 'Корпорация' }).waitFor()
    const frame = await appFrame(page, set)
    expect(app.arrivals[0]?.path).toBe('/install')
    await inApp(frame, ({ b24 }) => {
      void b24.installFinish()
    })
    await page.waitForURL(/install_finished=Y/)
    const installed = await appFrame(page, set)
    expect(await inApp(installed, ({ b24 }) => b24.isInstallMode)).toBe(false)
    expect(app.arrivals.at(-1)).toMatchObject({ path: '/placement', fields: { PLACEMENT: 'DEFAULT' } })
    expect(portal.applications.installed(clientId)).toBe(true)
    await page.getByRole('button', { name: 'Место LEFT_MENU' }).waitFor()
    expect(messages.filter(text => !text.includes('403'))).toEqual([])
  })

  it('an administrator reinstalls and deletes, with or without the data; an ordinary user cannot', async () => {
    const set = await openStage({ installUrl: 'http://127.0.0.1:9/install' })
    const { app, portal, clientId } = set
    portal.applications.finishInstall(clientId)
    const auth = portal.applications.issueTokens(clientId).access_token
    const handler = { event: 'ONAPPUNINSTALL', handler: `${app.origin}/events`, auth }
    await post(`${portal.origin}/rest/event.bind`, JSON.stringify(handler))
    const { page, messages } = await look(browser, set, '/marketplace/?user=2&lang=en')
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0)
    const forbidden = { clientId, action: 'remove', clean: true, user: 2 }
    expect((await post(`${portal.origin}/desktop/application`, JSON.stringify(forbidden))).status).toBe(403)
    await page.getByRole('link', { name: /Иван/ }).click()
    await page.getByRole('button', { name: 'Reinstall' }).click()
    await page.getByRole('cell', { name: 'Not installed' }).waitFor()
    portal.applications.finishInstall(clientId)
    await page.getByRole('checkbox', { name: 'Delete data' }).check()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('No applications yet').waitFor()
    await portal.eventsSettled()
    expect(app.arrivals.map(({ fields }) => fields['data'])).toMatchObject([{ CLEAN: '1' }])
    expect(messages).toEqual([])
  })
})

describe('the desktop as a server', () => {
  it('serves everything as files of its own origin, under a strict policy', async () => {
    const portal = await openPortal()
    const { headers, text } = await get(`${portal.origin}/`)
    expect(headers.get('content-security-policy')).toContain("script-src 'self'; style-src 'self'")
    expect(text).not.toMatch(/<script(?! type="module" src=)|<style|style="|onclick/)
    for (const path of ['desktop.js', 'desktop.css', 'commands.js', 'icon.svg']) {
      expect((await get(`${portal.origin}/desktop/${path}`)).status).toBe(200)
    }
    expect((await get(`${portal.origin}/desktop/desktop.njk`)).status).toBe(404)
    expect((await get(`${portal.origin}/crm/company/details/1/`)).status).toBe(404)
  })

  it('takes only what its own scripts send', async () => {
    const portal = await openPortal()
    const open = `${portal.origin}/desktop/open`
    const wish = { clientId: portal.credentials.clientId, user: 1, lang: 'ru' }
    expect((await post(open, JSON.stringify(wish), 'text/plain')).status).toBe(404)
    for (const body of ['', '{', '[]', '{}', JSON.stringify({ ...wish, user: 77 })]) {
      expect((await post(open, body)).status).toBe(400)
    }
    const frame = { sid: 'unknown', command: 'refreshAuth', params: [] }
    expect((await post(`${portal.origin}/desktop/frame`, JSON.stringify(frame))).status).toBe(403)
  })
})
