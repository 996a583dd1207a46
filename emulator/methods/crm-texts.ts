// What the CRM says in the portal's own language; its other texts are English everywhere.
// Must stay true: a client that hangs on one of these works on portals of one language only.
import type { PortalLanguage } from '../state.ts'

interface CrmTexts {
  readonly elementNotFound: string
  /** `title`: as in *.fields. */
  readonly required: (title: string) => string
  readonly badEmail: (value: string) => string
}

/** `required`: recorded in crm-item-batch-import.md in both languages. `badEmail`: made up. */
const TEXTS: { readonly [language in PortalLanguage]: CrmTexts } = {
  en: {
    elementNotFound: 'Element not found',
    required: title => `The "${title}" field is required`,
    badEmail: value => `E-mail is not valid: ${value}`
  },
  ru: {
    elementNotFound: 'Элемент не найден',
    required: title => `Поле "${title}" обязательно для заполнения`,
    badEmail: value => `Некорректный адрес электронной почты: ${value}`
  }
}

export const crmTexts = (language: PortalLanguage): CrmTexts => TEXTS[language]
