// The page behind a proxy that passes a stream on only at its end.
// Must stay true: the page shows the run while it runs, and does not wait for such a stream again.
import { expect, test } from 'vitest'
import { openBufferingProxy } from '../support/buffering-proxy.ts'
import { openBrowser } from '../support/chromium.ts'
import { openSite } from '../support/site.ts'
import { shownPercents } from '../support/stage.ts'

const open = openBrowser()

test('a stream that arrives only at its end is given up after one silent attempt, and the page asks instead', {
  timeout: 90_000
}, async () => {
  // A batch takes five seconds, eight at once: the run would take minutes.
  const site = await openSite({ portal: { speed: { commandMs: 100 } } })
  const proxy = await openBufferingProxy(site.origin)
  const streams = () => proxy.asked.filter(each => each.endsWith('/progress'))
  const { page, messages } = await open(proxy.origin)
  await page.getByRole('textbox', { name: 'Компаний' }).fill('5000')
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="running"]').waitFor()
  const percents = await shownPercents(page.getByRole('progressbar'))
  await expect.poll(() => percents.now(), { timeout: 30_000 }).toBeGreaterThan(2)
  const seen = await percents.now()
  await expect.poll(() => percents.now(), { timeout: 30_000 }).toBeGreaterThan(seen)
  expect(streams()).toHaveLength(1)

  // Over at the first question after its end.
  await page.getByRole('button', { name: 'Остановить' }).click()
  await page.locator('#run[data-status="cancelled"]').waitFor()
  // The next run is not waited for in vain.
  await page.getByRole('textbox', { name: 'Компаний' }).fill('2')
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(streams()).toHaveLength(1)
  expect(messages).toEqual([])
})
