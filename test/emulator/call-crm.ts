// Calls CRM methods of an emulated portal directly, without HTTP.
// Must stay true: a call goes through the same table of methods that the portal's REST door uses.
import { type CallContext, type MethodResult, type Person, type PhpParams, RestError } from '../../emulator/method.ts'
import { crmMethods } from '../../emulator/methods/crm.ts'
import { createPortalState, type PortalState, type PortalStateOptions } from '../../emulator/state.ts'

const METHODS = new Map(crmMethods.map(method => [method.name.toLowerCase(), method]))

const ADMIN: Person = { id: 7, name: 'Анна', lastName: 'Админова', admin: true, crm: 'full' }
export const WITHOUT_RIGHTS: Person = { id: 8, name: 'Пётр', lastName: 'Гость', admin: false, crm: 'none' }

/** 2026-03-01T12:00:00+03:00 */
const NOW = Date.UTC(2026, 2, 1, 9)

export interface Crm {
  readonly state: PortalState
  /** The whole answer of a method. @throws {RestError} */
  answer(method: string, params?: PhpParams, person?: Person): MethodResult
  /** The `result` of a method, as loose as parsed JSON: the test asserts its shape. @throws {RestError} */
  call(method: string, params?: PhpParams, person?: Person): ReturnType<typeof JSON.parse>
  /** The error of a method that must fail. */
  failure(method: string, params?: PhpParams, person?: Person): { status: number; code: string; text: string }
}

/** A new portal to call. */
export function createCrm(options: PortalStateOptions = {}): Crm {
  const state = createPortalState({ now: () => NOW, ...options })
  const answer = (name: string, params: PhpParams = {}, person: Person = ADMIN) => {
    const method = METHODS.get(name.toLowerCase())
    if (method === undefined) throw new Error(`no method ${name}`)
    const credential = { type: 'webhook', id: '1', scope: ['crm'], person } as const
    const context: CallContext = { state, credential, params, now: NOW, methods: METHODS, lastErrors: new Map() }
    return method.handle(context)
  }
  return {
    state,
    answer,
    call: (method, params, person) => answer(method, params, person).result,
    failure(method, params, person) {
      try {
        answer(method, params, person)
      } catch (error) {
        if (error instanceof RestError) return { status: error.status, code: error.code, text: error.message }
        throw error
      }
      throw new Error(`${method} did not fail`)
    }
  }
}
