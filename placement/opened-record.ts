// What the page was opened on: a company or a contact of a list in the portal.
// Must stay true: read from the portal anew whenever the tables are; contacts are offered only for a company that is known.
import type { Api } from './api.ts'
import { type CompanyForm, createCompanyForm } from './company-form.ts'
import { createContactCard } from './contact-card.ts'
import type { Messages } from './messages.ts'
import type { LinkRow } from './record-links.ts'

export interface OpenedRecordDeps {
  readonly api: Pick<Api, 'record'>
  readonly messages: Messages
  readonly linkRow: LinkRow | null
  /** Rejects when it was refused; the reason is shown elsewhere. */
  readonly submit: (companyId: number, contacts: number) => Promise<void>
}

export interface OpenedRecord extends Pick<CompanyForm, 'setBusy'> {
  /** Reads the record again. */
  refresh(): Promise<void>
}

/** @param placement where the page was opened; null outside a portal */
export const createOpenedRecord = (
  placement: { readonly code: string; readonly recordId: number | null } | null,
  { api, messages, linkRow, submit }: OpenedRecordDeps
): OpenedRecord | null => {
  if (placement === null || placement.recordId === null) return null
  const { code, recordId } = placement
  const form = createCompanyForm(messages, submit)

  const ofCompany = (): OpenedRecord => {
    // Without its name the form works as well: the tables say what is wrong with the portal.
    form.setCompany(recordId)
    return {
      setBusy: form.setBusy,
      refresh: () => api.record('companies', recordId).then(form.show, () => undefined)
    }
  }
  const ofContact = (): OpenedRecord => {
    const card = createContactCard({ messages, link: linkRow?.contacts })
    return {
      setBusy: form.setBusy,
      refresh: () =>
        api.record('contacts', recordId).then(contact => {
          card.show(contact)
          if (contact?.company) form.show(contact.company)
          form.setHidden(!contact?.company)
        }, card.failed)
    }
  }
  const record = code === 'CRM_CONTACT_LIST_MENU' ? ofContact() : ofCompany()
  void record.refresh()
  return record
}
