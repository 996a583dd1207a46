// Phones, e-mails, sites and messengers: what add and update do with the items of a call.
// Must stay true: update appends items without an ID and keeps those not mentioned; nothing replaces all (protocol.md, trap 26).
import { RestError } from '../method.ts'
import type { Multifield } from '../records.ts'
import type { PortalState } from '../state.ts'
import { crmTexts } from './crm-texts.ts'

export interface MultifieldInput {
  /** Empty: that of the value with this id. */
  readonly kind: string
  /** 0: a new value. */
  readonly id: number
  readonly value: string | undefined
  readonly type: string | undefined
  readonly remove: boolean
}

const DEFAULT_TYPE: { readonly [kind: string]: string } = { IM: 'TELEGRAM', LINK: 'USER' }

const typeOf = (input: MultifieldInput, otherwise: string) => input.type || otherwise

function checked(state: PortalState, input: MultifieldInput): string {
  const value = input.value?.trim() ?? ''
  // The one syntax that the CRM checks (protocol.md, 4.3).
  if (input.kind === 'EMAIL' && value !== '' && !/^[^\s@]+@[^\s@]+$/.test(value)) {
    throw new RestError(400, 'ERROR_CORE', crmTexts(state.language).badEmail(value))
  }
  return value
}

/** Values of a new record; empty ones are ignored. @throws {RestError} ERROR_CORE for a bad e-mail. */
export function addMultifields(state: PortalState, inputs: readonly MultifieldInput[]): Multifield[] {
  return mergeMultifields(
    state,
    [],
    inputs.map(input => (input.id > 0 ? { ...input, id: 0 } : input))
  )
}

/** Values after an update: with an ID changed or, when empty or DELETE=Y, removed; without appended. @throws {RestError} ERROR_CORE */
export function mergeMultifields(
  state: PortalState,
  before: readonly Multifield[],
  inputs: readonly MultifieldInput[]
): Multifield[] {
  const values = inputs.map(input => checked(state, input))
  const after = [...before]
  for (const [at, input] of inputs.entries()) {
    const value = values[at] as string
    if (input.id <= 0) {
      const type = typeOf(input, DEFAULT_TYPE[input.kind] ?? 'WORK')
      if (value !== '' && input.kind !== '' && !input.remove) after.push(state.multifield(input.kind, type, value))
      continue
    }
    const index = after.findIndex(each => each.id === input.id && (input.kind === '' || each.kind === input.kind))
    const old = after[index]
    if (old === undefined) continue
    if (input.remove || (value === '' && input.value !== undefined)) after.splice(index, 1)
    else after[index] = { ...old, value: value || old.value, type: typeOf(input, old.type) }
  }
  return after
}
