// crm.contact.company.* and crm.company.contact.*: the links between contacts and companies (protocol.md, 4.9).
// Must stay true: ids are ints here, unlike in the classic rows; both sides work on the same links.
import type { Link, WantedLink } from '../links.ts'
import { type CallContext, type Method, type MethodResult, RestError } from '../method.ts'
import type { EntityName } from '../state.ts'
import { isPhpArray, type PhpArray, parameter, toInteger, toText } from './crm-values.ts'

/** One side of the links: whose list it is, and the id field of the other side. */
interface Side {
  readonly owner: EntityName
  readonly other: EntityName
  readonly otherId: 'COMPANY_ID' | 'CONTACT_ID'
}

const CONTACT_SIDE: Side = { owner: 'contact', other: 'company', otherId: 'COMPANY_ID' }
const COMPANY_SIDE: Side = { owner: 'company', other: 'contact', otherId: 'CONTACT_ID' }

const uncoded = (text: string) => new RestError(400, '', text)

/** @throws {RestError} when the id is not positive, the person has no rights, or the owner is missing. */
function owner(context: CallContext, side: Side, quote: string, mustExist: boolean): number {
  const { params, credential, state } = context
  const id = toInteger(params.ID ?? params.id)
  if (id <= 0) throw uncoded(`The parameter ${quote}ownerEntityID${quote} is invalid or not defined.`)
  if (credential.person.crm === 'none') throw new RestError(403, 'ACCESS_DENIED', 'Access denied!')
  if (mustExist && state.table(side.owner).get(id) === undefined) throw uncoded('Not found.')
  return id
}

function linksOf({ state }: CallContext, side: Side, id: number): readonly Link[] {
  if (side.owner === 'contact') return state.links.ofContact(id)
  return state.links.ofCompany(id).sort((one, other) => one.sort - other.sort)
}

const otherOf = (side: Side, link: Link) => (side.owner === 'contact' ? link.companyId : link.contactId)

interface Wanted {
  readonly id: number
  readonly sort: number | undefined
  readonly primary: boolean | undefined
}

function wantedOf(side: Side, item: PhpArray): Wanted {
  const primary = toText(item.IS_PRIMARY)
  return {
    id: toInteger(item[side.otherId]),
    sort: item.SORT === undefined ? undefined : toInteger(item.SORT),
    primary: primary ? primary === 'Y' : undefined
  }
}

function put({ state }: CallContext, side: Side, ownerId: number, { id, sort, primary }: Wanted): void {
  const [contactId, companyId] = side.owner === 'contact' ? [ownerId, id] : [id, ownerId]
  state.links.put(contactId, { companyId, sort, primary })
}

function remove({ state }: CallContext, side: Side, ownerId: number, id: number): boolean {
  return side.owner === 'contact' ? state.links.remove(ownerId, id) : state.links.remove(id, ownerId)
}

/** @throws {RestError} when `fields` is no array or has no usable id. */
function fieldsOf({ params }: CallContext, side: Side, told: 'fields' | 'item'): Wanted {
  const fields = parameter(params, 'fields')
  if (!isPhpArray(fields)) throw uncoded(`The parameter '${told}' must be array.`)
  const wanted = wantedOf(side, fields)
  if (wanted.id <= 0) throw uncoded("The parameter 'fields' is not valid.")
  return wanted
}

function add(context: CallContext, side: Side): MethodResult {
  const ownerId = owner(context, side, "'", true)
  // Nothing asks whether the other side exists: the module links to whatever is named (fidelity.md, F13).
  const wanted = fieldsOf(context, side, 'fields')
  if (linksOf(context, side, ownerId).some(link => otherOf(side, link) === wanted.id)) return { result: false }
  put(context, side, ownerId, wanted)
  return { result: true }
}

function unlink(context: CallContext, side: Side): MethodResult {
  const ownerId = owner(context, side, "'", true)
  return { result: remove(context, side, ownerId, fieldsOf(context, side, 'item').id) }
}

function getItems(context: CallContext, side: Side): MethodResult {
  const ownerId = owner(context, side, '', false)
  return {
    result: linksOf(context, side, ownerId).map(link => ({
      [side.otherId]: otherOf(side, link),
      SORT: link.sort,
      ROLE_ID: 0,
      IS_PRIMARY: link.primary ? 'Y' : 'N'
    }))
  }
}

function setItems(context: CallContext, side: Side): MethodResult {
  const ownerId = owner(context, side, '', true)
  const items = parameter(context.params, 'items')
  if (!isPhpArray(items)) throw uncoded('The parameter items must be array.')
  const wanted = Object.values(items)
    .filter(isPhpArray)
    .map(item => wantedOf(side, item))
    .filter(({ id }, at, all) => all.findIndex(other => other.id === id) === at)
    .filter(({ id }) => id > 0)
  if (side.owner === 'contact') {
    const links: WantedLink[] = wanted.map(({ id, sort, primary }) => ({ companyId: id, sort, primary }))
    context.state.links.replace(ownerId, links)
    return { result: true }
  }
  for (const link of linksOf(context, side, ownerId)) {
    if (!wanted.some(({ id }) => id === link.contactId)) remove(context, side, ownerId, link.contactId)
  }
  for (const [at, each] of wanted.entries()) {
    put(context, side, ownerId, { ...each, sort: each.sort ?? (at + 1) * 10 })
  }
  return { result: true }
}

function deleteItems(context: CallContext, side: Side): MethodResult {
  const ownerId = owner(context, side, '', true)
  for (const link of linksOf(context, side, ownerId)) remove(context, side, ownerId, otherOf(side, link))
  return { result: true }
}

const info = (type: string, title: string, isRequired: boolean) => ({
  type,
  isRequired,
  isReadOnly: false,
  isImmutable: false,
  isMultiple: false,
  isDynamic: false,
  title
})

function fields(_: CallContext, side: Side): MethodResult {
  return {
    result: {
      SORT: info('integer', 'SORT', false),
      IS_PRIMARY: info('char', 'IS_PRIMARY', false),
      [side.otherId]: info('integer', side.otherId, true)
    }
  }
}

/** The twelve methods of both sides. */
export const bindingMethods: Method[] = [CONTACT_SIDE, COMPANY_SIDE].flatMap(side => {
  const method = (name: string, handle: (context: CallContext, side: Side) => MethodResult): Method => ({
    name: `crm.${side.owner}.${side.other}.${name}`,
    scope: 'crm',
    handle: context => handle(context, side)
  })
  return [
    method('fields', fields),
    method('add', add),
    method('delete', unlink),
    method('items.get', getItems),
    method('items.set', setItems),
    method('items.delete', deleteItems)
  ]
})
