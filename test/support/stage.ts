// The application inside the emulated portal's desktop, as people meet it in a browser.
// Must stay true: the portal is 127.0.0.1 and the application 127.0.0.2: two sites for a browser, as in life.
import { AxeBuilder } from '@axe-core/playwright'
import type { FrameLocator, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import type { Visitor } from './chromium.ts'
import { openSite, type Site } from './site.ts'

export interface StageOptions {
  /** Settings of the application, as in the environment. */
  readonly settings?: Readonly<Record<string, string>>
  readonly portal?: EmulatedPortalOptions
}

export interface Stage extends Site {
  readonly clientId: string
  /** The application's origin. */
  readonly appOrigin: string
  /** A tab at a path of the desktop. */
  look(path: string): Promise<Visitor>
}

/**
 * A portal with two companies and a contact, and the application registered there, not yet installed.
 * @param open opens a tab for somebody
 */
export const openStage = async (
  open: (url: string) => Promise<Visitor>,
  { settings, portal }: StageOptions = {}
): Promise<Stage> => {
  const site = await openSite({ portal: { seed: { companies: 2, contacts: 1 }, ...portal } })
  await site.stop()
  const appOrigin = site.origin.replace('127.0.0.1', '127.0.0.2')
  const { clientId, clientSecret } = site.portal.registerApplication({
    handlerUrl: `${appOrigin}/placement`,
    installUrl: `${appOrigin}/install`,
    title: { ru: 'БитриксКорп', en: 'BitrixCorp' },
    scope: ['crm', 'placement', 'user_brief']
  })
  await site.start({
    HOST: '127.0.0.2',
    PUBLIC_URL: appOrigin,
    BITRIX_CLIENT_ID: clientId,
    BITRIX_CLIENT_SECRET: clientSecret,
    BITRIX_OAUTH_URLS: site.portal.authorization.origin,
    BITRIX_PORTAL_HOSTS: site.portal.host,
    ...settings
  })
  return { ...site, clientId, appOrigin, look: path => open(site.portal.origin + path) }
}

/** On `/marketplace/`: installs as the administrator, with the install slider; ends on the application's own page. */
export const installHere = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'Установить', exact: true }).click()
  await page.waitForURL(/install_finished=Y/)
}

export const install = async ({ look }: Pick<Stage, 'look'>): Promise<Visitor> => {
  const visitor = await look('/marketplace/')
  await installHere(visitor.page)
  return visitor
}

/** The application that was opened last. */
export const appOf = (page: Page): FrameLocator => page.frameLocator('iframe').last()

export const runCard = (app: FrameLocator, status: string): Locator => app.locator(`#run[data-status="${status}"]`)

/** Opens the application from the analytics menu of the CRM. */
export const openFromMenu = async (page: Page): Promise<FrameLocator> => {
  await page.getByRole('button', { name: 'Аналитика' }).click()
  await page.getByRole('menuitem').first().click()
  await page.getByRole('dialog').waitFor()
  return appOf(page)
}

/** Opens the application from the menu of a row in a list. @param name of the button that opens that menu */
export const openFromRow = async (page: Page, name: string | RegExp): Promise<FrameLocator> => {
  await page.getByRole('button', { name }).first().click()
  await page.getByRole('menuitem').last().click()
  await page.getByRole('dialog').waitFor()
  return appOf(page)
}

/** Axe looks into the application's frame only: the portal around it is the portal's matter. */
export const inspectFrame = async (page: Page, name: string): Promise<void> => {
  await page.screenshot({ path: `artifacts/${name}.png` })
  const { violations } = await new AxeBuilder({ page }).include('.slider iframe').analyze()
  expect(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map(node => node.html).join(' ')}`)).toEqual([])
}

/** Remembers every percent that a progress bar shows from now on. */
export const shownPercents = async (bar: Locator) => {
  const seen = await bar.evaluateHandle(element => {
    const progress = element as HTMLProgressElement // a role=progressbar of ours
    const values = [progress.value]
    new MutationObserver(() => values.push(progress.value)).observe(progress, { attributeFilter: ['value'] })
    return values
  })
  return {
    all: () => seen.evaluate(values => [...values]),
    now: () => seen.evaluate(values => values.at(-1) ?? 0)
  }
}
