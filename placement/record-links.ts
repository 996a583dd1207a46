// Names in the tables as links to the records' cards in the portal.
// Must stay true: a link is a plain address that also works by itself; a click opens it over the page where the portal can do that.
import type { EntityName, EntityPlural } from '../server/core/entities.ts'
import type { Items } from './api.ts'

/** Called once for every row, after it was filled. */
export type LinkRow = { readonly [K in EntityPlural]: (row: Element, item: Items[K]) => void }

/** Path of a record's card, the same in every portal. */
export const cardPath = (entity: EntityName, id: number): string => `/crm/${entity}/details/${id}/`

/** True for a click that asks for a new tab or window, which is the browser's own matter. */
export const wantsOwnTab = ({
  button,
  ctrlKey,
  metaKey,
  shiftKey
}: Pick<MouseEvent, 'button' | 'ctrlKey' | 'metaKey' | 'shiftKey'>): boolean =>
  button !== 0 || ctrlKey || metaKey || shiftKey

/** @param open opens a card over the page; answers false when it cannot */
export const createRecordLinks = (portalOrigin: string, open: (entity: EntityName, id: number) => boolean): LinkRow => {
  const link = (holder: Element | null | undefined, entity: EntityName, id: number): void => {
    if (!holder) return
    const anchor = document.createElement('a')
    anchor.href = portalOrigin + cardPath(entity, id)
    anchor.target = '_blank'
    anchor.rel = 'noopener'
    anchor.className = 'record'
    anchor.append(...holder.childNodes)
    anchor.addEventListener('click', event => {
      if (!wantsOwnTab(event) && open(entity, id)) event.preventDefault()
    })
    holder.append(anchor)
  }
  return {
    companies(row, { id, contacts }) {
      link(row.querySelector('.main .clamp'), 'company', id)
      const names = row.querySelectorAll('[data-list="contacts"] .clamp')
      contacts.forEach((contact, index) => {
        link(names[index], 'contact', contact.id)
      })
    },
    contacts(row, { id, company }) {
      link(row.querySelector('.main .clamp'), 'contact', id)
      if (company !== null) link(row.querySelector('[data-field="company"]')?.parentElement, 'company', company.id)
    }
  }
}
