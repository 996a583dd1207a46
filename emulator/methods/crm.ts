// Every CRM method of the emulated portal.
// Must stay true: companies and contacts are the same records in all three families.
import type { Method } from '../method.ts'
import { bindingMethods } from './crm-bindings.ts'
import { classicMethods } from './crm-classic.ts'
import { COMPANY, CONTACT } from './crm-fields.ts'
import { itemMethods } from './crm-item.ts'

export const crmMethods: Method[] = [
  ...classicMethods(COMPANY),
  ...classicMethods(CONTACT),
  ...bindingMethods,
  ...itemMethods
]
