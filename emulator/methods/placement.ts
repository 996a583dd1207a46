// placement.bind, unbind, get and list (protocol.md, 5.6).
// Must stay true: an application sees and changes its own bindings only; binding needs an administrator.
import { checkHandlerUrl } from '../handler-url.ts'
import { type CallContext, type Method, type PhpParams, RestError } from '../method.ts'
import { mapOf, required, textOf, upperCased } from '../parameters.ts'
import { truthy } from '../php.ts'
import { PLACEMENT_CODES } from '../placement-codes.ts'
import type { PlacementBinding, Placements } from '../placements.ts'

/** Places that can be bound for one person alone. */
const PERSONAL = ['LEFT_MENU', 'PAGE_BACKGROUND_WORKER']

export function placementMethods(placements: Placements): Method[] {
  const method = (name: string, handle: (context: CallContext, params: PhpParams) => unknown): Method => ({
    name,
    scope: 'placement',
    applicationOnly: true,
    handle: context => ({ result: handle(context, upperCased(context.params)) })
  })
  return [
    method('placement.bind', (context, params) => bind(placements, context, params)),
    method('placement.unbind', (context, params) => unbind(placements, context, params)),
    method('placement.get', ({ credential }) => placements.of(credential.id).map(shape)),
    method('placement.list', ({ credential }, params) => {
      const wanted = params['SCOPE'] === undefined ? undefined : textOf(params['SCOPE'])
      const full = truthy(params['FULL'])
      return [...PLACEMENT_CODES]
        .filter(([, scope]) => wanted === undefined || (scope ?? '') === wanted)
        .filter(([code, scope]) =>
          placements.offers(code, full || wanted !== undefined ? [scope ?? ''] : credential.scope)
        )
        .map(([code]) => code)
    })
  ]
}

function adminOnly({ credential }: CallContext): void {
  if (!credential.person.admin) throw new RestError(403, 'ACCESS_DENIED', 'Access denied!')
}

function bind(placements: Placements, context: CallContext, params: PhpParams): true {
  adminOnly(context)
  const { credential } = context
  const placement = required(params, 'PLACEMENT')
  const handler = required(params, 'HANDLER')
  if (!placements.offers(placement, credential.scope)) {
    throw new RestError(400, 'ERROR_PLACEMENT_NOT_FOUND', 'Placement not found')
  }
  checkHandlerUrl(handler)
  const userId = Number(textOf(params['USER_ID'])) || 0
  if (userId > 0 && !PERSONAL.includes(placement)) {
    throw new RestError(400, 'ERROR_PLACEMENT_USER_MODE', 'User mode is not available')
  }
  const bound = placements.bind({
    clientId: credential.id,
    placement,
    handler,
    userId,
    title: textOf(params['TITLE']),
    description: textOf(params['DESCRIPTION']),
    groupName: textOf(params['GROUP_NAME']),
    langAll: mapOf(params['LANG_ALL']),
    options: mapOf(params['OPTIONS'])
  })
  if (!bound) throw new RestError(400, 'ERROR_CORE', 'Unable to set placement handler: Handler already binded')
  return true
}

function unbind(placements: Placements, context: CallContext, params: PhpParams): { count: number } {
  adminOnly(context)
  const placement = required(params, 'PLACEMENT')
  const handler = textOf(params['HANDLER'])
  const userId = textOf(params['USER_ID'])
  const removed = placements.unbind(
    each =>
      each.clientId === context.credential.id &&
      each.placement === placement &&
      (handler === '' || each.handler === handler) &&
      (userId === '' || each.userId === Number(userId))
  )
  return { count: removed * 2 } // the source counts each twice (trap 24)
}

const shape = ({ placement, userId, handler, options, title, description, langAll }: PlacementBinding) => ({
  ...{ placement, userId, handler, options, title, description, langAll }
})
