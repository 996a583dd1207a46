// The real browser for tests: Debian's Chromium through playwright-core.
// Must stay true: nothing is downloaded; every console message and every script error of a page is remembered.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { buildPage } from './site.ts'

const EXECUTABLE = '/usr/bin/chromium'
const ARTIFACTS = new URL('../../artifacts/', import.meta.url).pathname

const LAUNCH = {
  executablePath: EXECUTABLE,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync'
  ]
}
const PERSON: BrowserContextOptions = { locale: 'ru-RU', viewport: { width: 1280, height: 900 } }

export const launchChromium = (): Promise<Browser> => chromium.launch(LAUNCH)

/** A Chromium of its own that keeps everything in this folder; whoever opens it closes it. */
export const openProfileIn = (folder: string): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, { ...LAUNCH, ...PERSON })

/** A Chromium of its own whose settings somebody has changed, as in its file `Preferences`; it is closed when the test ends. */
export const openProfile = async (preferences: object): Promise<BrowserContext> => {
  const folder = mkdtempSync(join(tmpdir(), 'bitrixcorp-profile-'))
  mkdirSync(join(folder, 'Default'))
  writeFileSync(join(folder, 'Default', 'Preferences'), JSON.stringify(preferences))
  const context = await openProfileIn(folder)
  onTestFinished(async () => {
    await context.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  return context
}

export interface Visitor {
  readonly page: Page
  /** Console messages and script errors so far. */
  readonly messages: string[]
}

/** A tab in a browser profile of its own; it is closed when the test ends. */
export const visit = async (browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visitor> => {
  const context = await browser.newContext({ ...PERSON, ...options })
  onTestFinished(() => context.close())
  return visitIn(context, url)
}

/** One browser for a file's tests, over the built page; the returned function opens a tab in a profile of its own. */
export const openBrowser = (): ((url: string, options?: BrowserContextOptions) => Promise<Visitor>) => {
  let browser: Browser
  beforeAll(async () => {
    buildPage()
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())
  return (url, options) => visit(browser, url, options)
}

/** A tab in this profile. */
export const visitIn = async (context: BrowserContext, url: string): Promise<Visitor> =>
  newTab(await context.newPage(), url)

/** Another tab of the same profile. */
export const visitAgain = ({ page }: Visitor, url: string): Promise<Visitor> => visitIn(page.context(), url)

const newTab = async (page: Page, url: string): Promise<Visitor> => {
  const messages: string[] = []
  page.on('console', message => messages.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => messages.push(`script error: ${error.message}`))
  await page.goto(url)
  return { page, messages }
}

/** Keeps a picture in artifacts/ (not in git) and demands that axe finds nothing. */
export const inspect = async (page: Page, name: string): Promise<void> => {
  mkdirSync(ARTIFACTS, { recursive: true })
  await page.screenshot({ path: `${ARTIFACTS}${name}.png` })
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  expect(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map(node => node.html).join(' ')}`)).toEqual([])
}

/** The page must not need sideways scrolling. */
export const expectNoOverflow = async (page: Page): Promise<void> => {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
}
