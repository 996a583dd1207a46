// The page that was opened on a row of a list: who or what it is, and contacts for its company.
// Must stay true: the contacts belong to the company that is named; a record that is gone is said, not shown as somebody else.
import { expect, test } from 'vitest'
import { openBrowser } from '../support/chromium.ts'
import { appOf, inspectFrame, install, openFromRow, openStage } from '../support/stage.ts'

const open = openBrowser()

/** Anna belongs to the second company; Boris to none. */
const PEOPLE = {
  companies: [
    { id: 3, fields: { TITLE: 'Альфа' } },
    { id: 5, fields: { TITLE: 'ООО «Ромашка» <b>' } }
  ],
  contacts: [
    {
      id: 7,
      fields: { LAST_NAME: 'Иванова', NAME: 'Анна', SECOND_NAME: 'Петровна' },
      phones: ['+7 000 000-00-07'],
      companyIds: [5]
    },
    { id: 8, fields: { LAST_NAME: 'Котов', NAME: 'Борис' } }
  ]
}

test('opened on a contact, it shows who that is, and offers contacts for the company', {
  timeout: 60_000
}, async () => {
  const stage = await openStage(open, { portal: { seed: PEOPLE } })
  await install(stage)
  const { page, messages } = await stage.look('/crm/contact/list/')
  const app = await openFromRow(page, 'Действия: Иванова Анна Петровна')
  const contact = app.getByRole('region', { name: 'Контакт', exact: true })
  await contact.getByRole('link', { name: 'Иванова Анна Петровна' }).waitFor()
  await contact.getByText('+7 000 000-00-07').waitFor()
  const company = app.getByRole('region', { name: 'Создать контакты для этой компании' })
  await company.getByText('ООО «Ромашка» <b>', { exact: true }).waitFor()
  await inspectFrame(page, 'frame-contact')

  const link = contact.getByRole('link', { name: 'ООО «Ромашка» <b>' })
  expect(await link.getAttribute('href')).toBe(`${stage.portal.origin}/crm/company/details/5/`)
  await link.click()
  const card = page.getByRole('dialog', { name: 'ООО «Ромашка» <b>' })
  await card.waitFor()
  // Somebody changes the contact there.
  const { contacts } = stage.portal.state
  contacts.change(contacts.get(7) ?? expect.fail('no contact'), { NAME: 'Жанна' })
  await card.getByRole('button', { name: 'Закрыть' }).click()
  await contact.getByRole('link', { name: 'Иванова Жанна Петровна' }).waitFor()

  await company.getByRole('textbox', { name: 'Сколько контактов' }).fill('4')
  await company.getByRole('button', { name: 'Создать контакты' }).click()
  await app.locator('#run[data-status="completed"]').getByText('Создано: 4 контакта.').waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 2, contacts: 6 })
  const owners = stage.portal.state.records('contact').map(({ id }) => stage.portal.state.companyIdsOf(id))
  expect(owners).toEqual([[5], [], [5], [5], [5], [5]])
  expect(messages).toEqual([])
})

test('a contact without a company has no such offer; one that is gone is said so', { timeout: 60_000 }, async () => {
  const stage = await openStage(open, { portal: { seed: PEOPLE } })
  await install(stage)
  const { page, messages } = await stage.look('/crm/contact/list/')
  const app = await openFromRow(page, 'Действия: Котов Борис')
  await app.getByRole('region', { name: 'Контакт', exact: true }).getByRole('link', { name: 'Котов Борис' }).waitFor()
  expect(await app.locator('#company').isVisible()).toBe(false)
  await page.keyboard.press('Escape')

  await page.goto(`${stage.portal.origin}/crm/contact/list/`)
  stage.portal.state.remove('contact', 7)
  await openFromRow(page, 'Действия: Иванова Анна Петровна')
  await app.locator('#contact').getByText('Этого контакта нет в портале или он вам недоступен.').waitFor()
  expect(await app.locator('#company').isVisible()).toBe(false)
  await app.getByRole('textbox', { name: 'Компаний' }).fill('1')
  await app.getByRole('button', { name: 'Создать', exact: true }).click()
  await app.locator('#run[data-status="completed"]').waitFor()
  expect(messages).toEqual([])
})

test('a company that is gone is said so, and gets no contacts', { timeout: 60_000 }, async () => {
  const stage = await openStage(open, { portal: { seed: PEOPLE } })
  await install(stage)
  const { page, messages } = await stage.look('/crm/company/list/')
  stage.portal.state.remove('company', 3)
  await openFromRow(page, 'Действия: Альфа')
  const card = appOf(page).locator('#company')
  await card.getByText('Этой компании нет в портале или она вам недоступна.').waitFor()
  expect(await card.getByRole('button', { name: 'Создать контакты' }).isDisabled()).toBe(true)
  expect(messages).toEqual([])
})

test('somebody without rights in the CRM reads why nothing is shown', { timeout: 60_000 }, async () => {
  const stage = await openStage(open, { portal: { seed: PEOPLE } })
  await install(stage)
  const { page, messages } = await stage.look('/crm/contact/list/?user=3')
  const app = await openFromRow(page, 'Действия: Котов Борис')
  await app.locator('#contact').getByText('Портал отказал: не хватает прав в CRM.').waitFor()
  await app.locator('#companies').getByText('Не удалось прочитать записи. Портал отказал').waitFor()
  await app.getByRole('button', { name: 'Создать', exact: true }).click()
  await app.locator('#run[data-status="completed"]').getByText('Закончено, но ничего не получилось.').waitFor()
  await app.locator('#run details').getByText('Портал отказал: не хватает прав в CRM.').first().waitFor()
  expect(stage.portal.state.counts()).toEqual({ companies: 2, contacts: 2 })
  // Chromium itself reports the refused request.
  expect(messages.filter(text => !text.includes('Failed to load resource'))).toEqual([])
})
