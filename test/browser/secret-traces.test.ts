// What a browser keeps of the secret when it is closed: its whole profile is searched.
// Must stay true: the search finds what was visited, so it would find the secret.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openProfileIn, visitIn } from '../support/chromium.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

const SECRET = 'planted-open-sesame-0123456789'
const WRONG = 'planted-wrong-word-9876543210'

/** Files below the folder that hold the text, in one of the encodings that browsers write. */
const filesWith = (folder: string, text: string): string[] => {
  const spelled = [Buffer.from(text), Buffer.from(text, 'utf16le')]
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => {
    const file = join(folder, name)
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false
    const content = readFileSync(file)
    return spelled.some(bytes => content.includes(bytes))
  })
}

test('the secret that is typed into the form is in no file of the profile, whatever was done with the page', async () => {
  const site = await openSite({ settings: { BITRIX_WEBHOOK_SECRET: SECRET } })
  const folder = freshDir()
  const context = await openProfileIn(folder)
  const { page } = await visitIn(context, site.origin)
  for (const secret of [WRONG, SECRET]) {
    await page.getByLabel('Секрет доступа').fill(secret)
    await page.getByRole('button', { name: 'Войти' }).click()
    if (secret === WRONG) await page.getByText('Секрет неверен').waitFor()
  }
  await page.getByRole('textbox', { name: 'Компаний' }).fill('2')
  await page.getByRole('button', { name: 'Создать' }).click()
  await page.locator('#run[data-status="completed"]').waitFor()
  await page.reload()
  await page.getByRole('link', { name: 'EN' }).click()
  await page.locator('#companies').getByText('Total: 2').waitFor()
  await page.goto(`${site.origin}/nowhere`)
  await page.goBack()
  await page.locator('#companies').getByText('Total: 2').waitFor()
  await context.close()

  const visited = filesWith(folder, `${new URL(site.origin).host}/?lang=en`)
  expect(visited.some(file => /History/.test(file))).toBe(true)
  expect(visited.some(file => /Session/.test(file))).toBe(true)
  expect(filesWith(folder, SECRET)).toEqual([])
  expect(filesWith(folder, WRONG)).toEqual([])
}, 60_000)
