// The card of the page that was opened on a contact in the portal's list: who it is, and which company it belongs to.
// Must stay true: filled and linked like a row of the table; what cannot be shown is said.
import type { Items } from './api.ts'
import { byId, cloneRow, part } from './element.ts'
import type { Messages } from './messages.ts'
import { describe } from './notice.ts'
import type { LinkRow } from './record-links.ts'
import { fillRow } from './record-rows.ts'

export interface ContactCardDeps {
  readonly messages: Messages
  /** Makes links of the names, where there is something to open. */
  readonly link: LinkRow['contacts'] | undefined
}

export interface ContactCard {
  /** Null when the contact is not there any more. */
  show(contact: Items['contacts'] | null): void
  failed(error: unknown): void
}

export const createContactCard = ({ messages, link }: ContactCardDeps): ContactCard => {
  const section = byId('contact', HTMLElement)
  const template = byId('contact-card', HTMLTemplateElement)
  const shown = part(section, 'shown', HTMLElement)
  const trouble = part(section, 'trouble', HTMLElement)

  const settle = (said: string): void => {
    section.removeAttribute('aria-busy')
    trouble.textContent = said
    trouble.hidden = said === ''
    shown.hidden = said !== ''
  }
  return {
    show(contact) {
      if (contact === null) return settle(messages.t('page.contact.gone'))
      const card = cloneRow(template)
      fillRow.contacts(card, contact)
      link?.(card, contact)
      shown.replaceChildren(card)
      settle('')
    },
    failed: error => settle(describe(error, messages))
  }
}
