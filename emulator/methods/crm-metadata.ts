// What crm.company.fields, crm.contact.fields and crm.item.fields print about each field.
// Must stay true: flags are real booleans, and `isRequired` is metadata only: what is enforced is `state.required` (protocol.md, 4.3).
import type { Entity, Field } from './crm-fields.ts'

type FieldInfo = { readonly [key: string]: unknown }

/** `ADDRESS_CITY` → `Address city`: stands in for the portal's translated titles. */
export const titleOf = (name: string) => name.charAt(0) + name.slice(1).toLowerCase().replaceAll('_', ' ')

function describe(field: Field, type: string, required: boolean): FieldInfo {
  const multiple = type === 'crm_multifield' || field.name === 'CONTACT_ID' || field.name === 'COMPANY_IDS'
  const title = field.name === 'ID' ? 'ID' : titleOf(field.name)
  return {
    type,
    isRequired: required,
    isReadOnly: field.access === 'read' || field.access === 'import',
    isImmutable: false,
    isMultiple: multiple,
    isDynamic: field.userField,
    ...(field.name === 'COMPANY_ID' && { isDeprecated: true }),
    ...(field.name === 'LEAD_ID' && { settings: { parentEntityTypeId: 1 } }),
    ...(field.statusType !== undefined && { statusType: field.statusType }),
    title: field.userField ? field.name : title,
    ...(field.userField && { listLabel: title, formLabel: title, filterLabel: title })
  }
}

/** The map of crm.company.fields and crm.contact.fields. */
export function classicFieldInfo(entity: Entity): FieldInfo {
  const info = entity.fields.map(field => [field.name, describe(field, field.type, field.required)] as const)
  // The docs of 2026 print these two of a company as writable, though nobody can write them.
  const open = ([name, told]: readonly [string, FieldInfo]) =>
    entity.name === 'company' && name.startsWith('LAST_ACTIVITY_') ? { ...told, isReadOnly: false } : told
  return Object.fromEntries(info.map(each => [each[0], open(each)]))
}

/** The map of crm.item.fields: camelCase names, `boolean` for flags, the classic name in `upperName`. */
export function itemFieldInfo(entity: Entity, originalNames: boolean): FieldInfo {
  const known = [...entity.byItemName].map(([name, field]) => {
    const type = field.type === 'char' ? 'boolean' : field.type
    // The universal name in capitals (CREATED_TIME), not the classic one (DATE_CREATE): recorded in crm-item-fields.md.
    const upperName = field.userField ? field.name : upperCase(name)
    return [field.userField && originalNames ? field.name : name, { ...describe(field, type, false), upperName }]
  })
  const links = { type: entity.name === 'company' ? 'crm_contact' : 'crm_company', multiple: true }
  return {
    ...Object.fromEntries(known),
    [entity.itemLinks]: universal(links.type, entity.itemLinks, true, false),
    categoryId: universal('crm_category', 'categoryId', false, false),
    observers: universal('user', 'observers', true, false),
    fm: universal('crm_multifield', 'fm', true, false)
  }
}

/** `fooBar` → `FOO_BAR`; what is in capitals stays. */
export const upperCase = (name: string) =>
  name === name.toUpperCase() ? name : name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()

function universal(type: string, name: string, multiple: boolean, readOnly: boolean): FieldInfo {
  return {
    type,
    isRequired: false,
    isReadOnly: readOnly,
    isImmutable: false,
    isMultiple: multiple,
    isDynamic: false,
    title: titleOf(upperCase(name)),
    upperName: upperCase(name)
  }
}
