// Other sites against a server without a secret, in real Chromium: every spelling of its address, every way in which a page can ask.
// Must stay true: whatever was tried, nothing was deleted, and nothing was begun.
import type { BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { attackFromWithin, leadAway, type Opening, openEvilSite, SPELLINGS } from '../support/evil-site.ts'
import { buildPage, openSite, type Site } from '../support/site.ts'

let browser: Awaited<ReturnType<typeof launchChromium>>
beforeAll(async () => {
  buildPage()
  browser = await launchChromium()
})
afterAll(() => browser?.close())

const RECORDS = { companies: 5, contacts: 5 }
const OPENINGS: readonly Opening[] = ['redirect', 'popup', 'form', 'get-form', 'link']

/** Which hosts have answered the browser, and with what. */
const watchAnswers = (context: BrowserContext, port: string) => {
  const answers = new Map<string, Set<number>>()
  context.on('response', response => {
    const url = new URL(response.url())
    if (url.port !== port) return
    answers.set(url.hostname, (answers.get(url.hostname) ?? new Set()).add(response.status()))
  })
  return answers
}

const expectUntouched = async (site: Site, port: string): Promise<void> => {
  expect(await (await fetch(`http://127.0.0.1:${port}/api/runs`)).json()).toEqual({ runs: [] })
  expect(site.portal.state.counts()).toEqual(RECORDS)
}

describe.each(['near', 'far'] as const)('a page that is %s', from => {
  test('touches nothing, by any spelling and any means', async () => {
    // On all addresses at once, so that every spelling reaches it.
    const site = await openSite({ host: '::', portal: { seed: RECORDS } })
    const { port } = new URL(site.origin)
    const evil = await openEvilSite()
    const context = await browser.newContext()
    const answers = watchAnswers(context, port)
    const page = await context.newPage()
    await page.goto(evil[from])
    const at = (path: string) => SPELLINGS.map((host, index) => `http://${host}:${port}${path}n=${index}`)

    await attackFromWithin(
      page,
      [...at('/bitrix/clear-stream?'), ...at('/bitrix/webhook/push-stream?count=1&')],
      [...at('/bitrix/clear-bitrix?'), ...at('/bitrix/webhook/push-to-bitrix?count=1&'), ...at('/api/runs?')]
    )
    await expectUntouched(site, port)
    for (const opening of OPENINGS) {
      const path = opening === 'form' ? '/bitrix/clear-bitrix?' : '/bitrix/clear-stream?'
      for (const url of at(path)) await leadAway(context, page, opening, url, evil.redirect)
      await expectUntouched(site, port)
    }
    // They did arrive: by navigations at least, which browsers let through from anywhere.
    for (const host of ['localhost', '127.0.0.1', '0.0.0.0', '[::1]', '[::ffff:7f00:1]']) {
      expect(answers.has(host), host).toBe(true)
    }
    await context.close()
  }, 90_000)
})
