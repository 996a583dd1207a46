// The address of a stream in a browser: opened, reloaded, and asked for by the page's own scripts.
// Must stay true: only the button, an EventSource and a fetch of our own page start anything.
import { expect, test } from 'vitest'
import { inspect, openBrowser } from '../support/chromium.ts'
import { openSite, type Site } from '../support/site.ts'

const open = openBrowser()

const SECRET = 'open-sesame-0123456789'
const runsOf = async ({ origin }: Site, headers = {}): Promise<unknown[]> =>
  ((await (await fetch(`${origin}/api/runs`, { headers })).json()) as { runs: unknown[] }).runs // as the contract says

test('opening and reloading it starts nothing; the button does, and the page shows the run', async () => {
  const site = await openSite({ portal: { seed: { companies: 3, contacts: 2 } } })
  const { page, messages } = await open(`${site.origin}/bitrix/clear-stream`)
  await page.getByRole('heading', { name: 'Очистить CRM?' }).waitFor()
  await page.reload()
  await page.getByText(`ВСЕ контакты и компании портала ${site.portal.host}`).waitFor()
  await inspect(page, 'start-clear')
  expect(await runsOf(site)).toEqual([])
  await page.getByRole('button', { name: 'Удалить всё' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(site.portal.state.counts()).toEqual({ companies: 0, contacts: 0 })

  await page.goto(`${site.origin}/bitrix/webhook/push-stream?count=4&lang=en`)
  await page.getByText('creates 4 companies and 4 contacts').waitFor()
  await inspect(page, 'start-create')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(site.portal.state.counts()).toEqual({ companies: 4, contacts: 4 })
  expect(await runsOf(site)).toHaveLength(2)
  expect(messages).toEqual([])
})

test('with a secret it asks for that first, and starts with it', async () => {
  const site = await openSite({ settings: { BITRIX_WEBHOOK_SECRET: SECRET } })
  const { page } = await open(`${site.origin}/bitrix/webhook/push-stream?count=2&secret=${SECRET}`)
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  expect(page.url()).not.toContain('sesame')
  await page.goto(`${site.origin}/bitrix/clear-stream`)
  // The ticket of this tab opens the page itself.
  await page.locator('#create-submit').waitFor()
  expect(site.portal.state.counts()).toEqual({ companies: 2, contacts: 2 })
})

test('what another run keeps busy is shown instead', async () => {
  const site = await openSite({ portal: { speed: { commandMs: 100, workers: 1 } } })
  const { page } = await open(`${site.origin}/bitrix/webhook/push-stream?count=1`)
  await fetch(`${site.origin}/api/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"kind":"create","companies":60}'
  })
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="running"]').waitFor()
  expect(await runsOf(site)).toHaveLength(1)
})

test('an EventSource and a fetch of our own page start as ever', async () => {
  const site = await openSite()
  const { page, messages } = await open(site.origin)
  const done = await page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const source = new EventSource('/bitrix/webhook/push-stream?count=2')
        source.addEventListener('done', event => {
          source.close()
          resolve(event.data)
        })
        source.addEventListener('error', () => reject(new Error('no stream')))
      })
  )
  expect(JSON.parse(done)).toMatchObject({ status: 'completed', created: { companies: 2, contacts: 2 } })
  const text = await page.evaluate(() => fetch('/bitrix/clear-stream').then(answer => answer.text()))
  expect(text).toContain('event: done')
  expect(site.portal.state.counts()).toEqual({ companies: 0, contacts: 0 })
  expect(messages).toEqual([])
})
