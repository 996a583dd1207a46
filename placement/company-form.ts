// The card of the page that was opened on a company in the portal's list: contacts for this company.
// Must stay true: only a whole number within the limits leaves it; the company is named, so that nobody fills the wrong one.
import type { Items } from './api.ts'
import { MOST, parseCount } from './create-form.ts'
import { byId, part } from './element.ts'
import type { Messages } from './messages.ts'

export interface CompanyFormDeps {
  readonly messages: Messages
  /** Null when the company is not there any more. */
  readonly company: () => Promise<Items['companies'] | null>
  readonly submit: (contacts: number) => void
}

export interface CompanyForm {
  setBusy(busy: boolean): void
  focus(): void
}

export const createCompanyForm = ({ messages, company, submit }: CompanyFormDeps): CompanyForm => {
  const { t } = messages
  const form = byId('company-form', HTMLFormElement)
  const button = part(form, 'submit', HTMLButtonElement)
  const input = byId('company-contacts', HTMLInputElement)
  const invalid = byId('company-invalid', HTMLElement)
  const name = part(byId('company', HTMLElement), 'name', HTMLElement)
  let busy = true
  let gone = false

  const update = (): void => {
    button.disabled = busy || gone
  }
  const complain = (wrong: boolean): void => {
    invalid.textContent = wrong ? t('page.create.invalid', { max: MOST }) : ''
    invalid.hidden = !wrong
    input.toggleAttribute('aria-invalid', wrong)
    if (wrong) input.setAttribute('aria-describedby', invalid.id)
    else input.removeAttribute('aria-describedby')
  }

  company().then(
    found => {
      gone = found === null
      name.textContent = found === null ? t('error.COMPANY_NOT_FOUND') : found.title || t('page.company.unnamed')
      update()
    },
    // Without its name the form works as well: the tables say what is wrong with the portal.
    () => undefined
  )
  input.addEventListener('input', () => complain(false))
  form.addEventListener('submit', event => {
    event.preventDefault()
    if (button.disabled) return
    const count = parseCount(input.value)
    complain(count === null)
    if (count === null) input.focus()
    else submit(count)
  })
  return {
    setBusy(now) {
      busy = now
      update()
    },
    focus: () => button.focus()
  }
}
