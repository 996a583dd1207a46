// A desktop to act on: a portal with records, an application bound at several places, and a browser looking at it.
// Must stay true: the application has no help but the SDK; the browser's messages are kept for the test to judge.
import type { B24Frame } from '@bitrix24/b24jssdk'
import type { Browser, Frame, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { ApplicationForm } from '../../emulator/application.ts'
import type { EmulatedPortal } from '../../emulator/emulated-portal.ts'
import { type Visitor, visit } from '../support/chromium.ts'
import { type AppServer, openAppServer } from './app-server.ts'
import { openPortal, post } from './portal-client.ts'

/** What the application's page keeps in its window. */
interface AppWindow {
  readonly name: string
  readonly b24: B24Frame
  /** Raw messages of the parent. */
  readonly told: string[]
}

export const COMPANY_MENU = 'CRM_COMPANY_LIST_MENU'
const PLACES = [COMPANY_MENU, 'CRM_CONTACT_LIST_TOOLBAR', 'CRM_ANALYTICS_MENU', 'LEFT_MENU']

export interface Stage {
  readonly app: AppServer
  readonly portal: EmulatedPortal
  readonly clientId: string
}

/** The application's titles are «Корпорация» and "Corporation", its places «Место CODE» and "Place CODE". */
export async function openStage(form: Partial<ApplicationForm> = {}, given?: AppServer): Promise<Stage> {
  const app = given ?? (await openAppServer())
  const portal = await openPortal({ seed: { companies: 25, contacts: 2 } })
  const { clientId } = portal.registerApplication({
    handlerUrl: `${app.origin}/placement`,
    title: { ru: 'Корпорация', en: 'Corporation' },
    scope: ['crm', 'placement', 'user_brief'],
    ...form
  })
  const auth = portal.applications.issueTokens(clientId).access_token
  for (const PLACEMENT of PLACES) {
    const names = { ru: { TITLE: `Место ${PLACEMENT}` }, en: { TITLE: `Place ${PLACEMENT}` } }
    const params = { PLACEMENT, HANDLER: `${app.origin}/placement`, LANG_ALL: names, auth }
    expect((await post(`${portal.origin}/rest/placement.bind`, JSON.stringify(params))).status).toBe(200)
  }
  return { app, portal, clientId }
}

/** A new tab on one of the portal's pages. */
export const look = (browser: Browser, { portal }: Stage, path: string): Promise<Visitor> =>
  visit(browser, portal.origin + path)

/** The uppermost frame of the application, once its SDK is ready. */
export async function appFrame(page: Page, { app }: Stage): Promise<Frame> {
  await page
    .frameLocator('iframe')
    .last()
    .locator('#ready', { hasText: /^ready/ })
    .waitFor()
  const frames = page.frames().filter(frame => frame.url().startsWith(app.origin))
  return frames.at(-1) ?? expect.fail('no frame of the application')
}

/** Runs the callback inside the application's page. */
export const inApp = <T>(frame: Frame, work: (window: AppWindow) => Promise<T> | T): Promise<T> =>
  // It crosses into the browser as text, so that `window` there is the application's own.
  frame.evaluate(`(${work.toString()})(window)`) as Promise<T>
