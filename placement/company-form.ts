// Contacts for one company: the one that the page was opened on, or that of the contact it was opened on.
// Must stay true: only a whole number within the limits leaves it; the company is named, so that nobody fills the wrong one.
import { MOST, parseCount } from './create-form.ts'
import { byId, part } from './element.ts'
import type { Messages } from './messages.ts'

export interface CompanyForm {
  setBusy(busy: boolean): void
  setHidden(hidden: boolean): void
  /** Contacts are for this company. */
  setCompany(id: number | null): void
  /** The same, and names it; null when it is not there any more. */
  show(company: { readonly id: number; readonly title: string } | null): void
}

/** @param submit rejects when it was refused; the reason is shown elsewhere */
export const createCompanyForm = (
  { t, lang }: Messages,
  submit: (companyId: number, contacts: number) => Promise<void>
): CompanyForm => {
  const section = byId('company', HTMLElement)
  const form = byId('company-form', HTMLFormElement)
  const button = part(form, 'submit', HTMLButtonElement)
  const input = byId('company-contacts', HTMLInputElement)
  const invalid = byId('company-invalid', HTMLElement)
  const name = part(section, 'name', HTMLElement)
  let busy = true
  let companyId: number | null = null

  const update = (): void => {
    button.disabled = busy || companyId === null
  }
  const complain = (wrong: boolean): void => {
    invalid.textContent = wrong ? t('page.create.invalid', { max: MOST }) : ''
    invalid.hidden = !wrong
    input.toggleAttribute('aria-invalid', wrong)
    if (wrong) input.setAttribute('aria-describedby', invalid.id)
    else input.removeAttribute('aria-describedby')
  }
  const setCompany: CompanyForm['setCompany'] = id => {
    companyId = id
    update()
  }

  input.addEventListener('input', () => complain(false))
  form.addEventListener('submit', event => {
    event.preventDefault()
    if (button.disabled || companyId === null) return
    const count = parseCount(input.value, lang)
    complain(count === null)
    if (count === null) input.focus()
    else submit(companyId, count).catch(() => button.focus())
  })
  return {
    setBusy(now) {
      busy = now
      update()
    },
    setHidden(hidden) {
      section.hidden = hidden
    },
    setCompany,
    show(company) {
      setCompany(company?.id ?? null)
      name.textContent = company === null ? t('error.COMPANY_NOT_FOUND') : company.title || t('page.company.unnamed')
    }
  }
}
