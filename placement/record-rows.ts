// Fills the rows of both tables from the API's items.
// Must stay true: the markup is the template's; names are written as text, however they look.
import type { EntityPlural } from '../server/core/entities.ts'
import type { Items } from './api.ts'
import { fillFields } from './element.ts'

const NOTHING = '—'

/** An empty cell is left out where the columns have no headings. */
const markEmpty = (row: HTMLElement, selector: string, empty: boolean): void => {
  row.querySelector(selector)?.closest('td')?.toggleAttribute('data-empty', empty)
}

/** A name that is cut is read in full where it is pointed at. */
const tellName = (row: Element, field: string, name: string): void =>
  row.querySelector(`[data-field="${field}"]`)?.closest('.clamp')?.setAttribute('title', name)

export type FillRow<K extends EntityPlural> = (row: HTMLElement, item: Items[K]) => void

const fillCompany: FillRow<'companies'> = (row, { title, phone, contacts, more }) => {
  fillFields(row, { title: title || NOTHING, phone: phone || NOTHING })
  tellName(row, 'title', title)
  markEmpty(row, '.phone', !phone)
  markEmpty(row, '.names', contacts.length === 0)
  const list = row.querySelector('[data-list="contacts"]')
  const model = list?.firstElementChild
  if (list && model) {
    list.replaceChildren(
      ...contacts.map(({ name }) => {
        const line = model.cloneNode(true) as Element // a clone of an element
        fillFields(line, { name: name || NOTHING })
        tellName(line, 'name', name)
        return line
      })
    )
  }
  row.querySelector('[data-show="more"]')?.toggleAttribute('hidden', !more)
}

const fillContact: FillRow<'contacts'> = (row, { lastName, name, secondName, phone, company }) => {
  fillFields(row, {
    lastName: lastName || (name || secondName ? '' : NOTHING),
    name,
    secondName,
    phone: phone || NOTHING,
    company: company?.title || NOTHING
  })
  tellName(row, 'lastName', [lastName, name, secondName].filter(part => part !== '').join(' '))
  tellName(row, 'company', company?.title ?? '')
  markEmpty(row, '.phone', !phone)
  markEmpty(row, '[data-field="company"]', !company?.title)
}

export const fillRow: { readonly [K in EntityPlural]: FillRow<K> } = { companies: fillCompany, contacts: fillContact }
