// The CRM entities that we create, show and delete: methods, field names, order of deletion.
// Must stay true: a new entity is a new row here; nothing else spells a CRM method name.

export const entityNames = ['company', 'contact'] as const
export type EntityName = (typeof entityNames)[number]

/** Plural names, as routes and snapshots use them. */
export type EntityPlural = 'companies' | 'contacts'

export interface Entity {
  readonly name: EntityName
  readonly plural: EntityPlural
  /** `entityTypeId` of the crm.item methods. */
  readonly typeId: number
  readonly add: string
  readonly list: string
  readonly get: string
  readonly update: string
  readonly delete: string
}

const entity = (name: EntityName, plural: EntityPlural, typeId: number): Entity => ({
  name,
  plural,
  typeId,
  add: `crm.${name}.add`,
  list: `crm.${name}.list`,
  get: `crm.${name}.get`,
  update: `crm.${name}.update`,
  delete: `crm.${name}.delete`
})

export const entities: Readonly<Record<EntityName, Entity>> = {
  company: entity('company', 'companies', 4),
  contact: entity('contact', 'contacts', 3)
}

/** Reads one record of any entity, with codes that tell "gone" from "not allowed" (the classic methods have none). */
export const ITEM_GET = 'crm.item.get'

/** Contacts go first: deleting a company would otherwise re-point its contacts (Bitrix24 keeps them). */
export const deletionOrder: readonly EntityName[] = ['contact', 'company']

/** ORIGINATOR_ID of every record that we create; ORIGIN_ID is `<run id>:<row>`. */
export const ORIGINATOR_ID = 'BITRIXCORP'
