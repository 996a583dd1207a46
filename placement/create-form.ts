// The form that starts a create run.
// Must stay true: only whole numbers within the limits leave it; both numbers are the same until the person says otherwise.
import { byId } from './element.ts'
import type { Language, Messages } from './messages.ts'

/** The contract's limit for people; the API itself takes more. */
export const MOST = 10_000

/** A count as people write it, with blanks between thousands, or commas in English; null when it is no whole number from 1 to 10 000. */
export const parseCount = (text: string, lang: Language): number | null => {
  const bare = text.replace(/[\s\u00A0\u202F]/g, '')
  const digits = lang === 'en' && /^\d{1,3}(,\d{3})+$/.test(bare) ? bare.replaceAll(',', '') : bare
  if (!/^\d{1,9}$/.test(digits)) return null
  const count = Number(digits)
  return count >= 1 && count <= MOST ? count : null
}

export interface Counts {
  readonly companies: number
  readonly contacts: number
}

export interface CreateForm {
  setBusy(busy: boolean): void
  focus(): void
}

export const createCreateForm = (
  { t, lang }: Messages,
  submit: (counts: Counts) => void,
  /** The counts changed; null while they are wrong. */
  changed: (counts: Counts | null) => void
): CreateForm => {
  const form = byId('create', HTMLFormElement)
  const button = byId('create-submit', HTMLButtonElement)
  const invalid = byId('create-invalid', HTMLElement)
  const companies = byId('create-companies', HTMLInputElement)
  const contacts = byId('create-contacts', HTMLInputElement)
  // What was typed before this script came counts too.
  let tied = contacts.value === contacts.defaultValue
  if (tied) contacts.value = companies.value

  const check = (input: HTMLInputElement): number | null => {
    const count = parseCount(input.value, lang)
    if (count === null) {
      input.setAttribute('aria-invalid', 'true')
      input.setAttribute('aria-describedby', 'create-invalid create-hint')
    } else {
      input.removeAttribute('aria-invalid')
      input.setAttribute('aria-describedby', 'create-hint')
    }
    return count
  }
  const settle = (): void => {
    const wrong = [companies, contacts].filter(input => input.hasAttribute('aria-invalid') && check(input) === null)
    invalid.hidden = wrong.length === 0
    tell()
  }
  const tell = (): void => {
    const counts = { companies: parseCount(companies.value, lang), contacts: parseCount(contacts.value, lang) }
    changed(
      counts.companies === null || counts.contacts === null
        ? null
        : { ...counts, companies: counts.companies, contacts: counts.contacts }
    )
  }

  companies.addEventListener('input', () => {
    if (tied) contacts.value = companies.value
    settle()
  })
  contacts.addEventListener('input', () => {
    tied = contacts.value === companies.value
    settle()
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    if (button.disabled) return
    const counts = { companies: check(companies), contacts: check(contacts) }
    if (counts.companies === null || counts.contacts === null) {
      invalid.textContent = t('page.create.invalid', { max: MOST })
      invalid.hidden = false
      const wrong = counts.companies === null ? companies : contacts
      wrong.focus()
      return
    }
    invalid.hidden = true
    submit({ companies: counts.companies, contacts: counts.contacts })
  })
  return {
    setBusy(busy) {
      button.disabled = busy
      if (busy) changed(null)
      else tell()
    },
    focus: () => button.focus()
  }
}
