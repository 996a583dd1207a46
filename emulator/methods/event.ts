// event.bind, unbind and get, and events (protocol.md, 5.4).
// Must stay true: an application sees and changes its own handlers only; without administrator rights only the acting user's.
import { EVENTS, type EventHandler, type EventHandlers } from '../event-handlers.ts'
import { checkHandlerUrl } from '../handler-url.ts'
import { type CallContext, type Method, type PhpParams, RestError } from '../method.ts'
import { required, textOf, upperCased } from '../parameters.ts'
import { truthy } from '../php.ts'

export function eventMethods(events: EventHandlers): Method[] {
  const method = (name: string, handle: (context: CallContext, params: PhpParams) => unknown): Method => ({
    name,
    scope: null,
    applicationOnly: true,
    handle: context => ({ result: handle(context, upperCased(context.params)) })
  })
  return [
    method('event.bind', (context, params) => bind(events, context, params)),
    method('event.unbind', (context, params) => unbind(events, context, params)),
    method('event.get', ({ credential }) =>
      events
        .of(credential.id)
        .filter(each => credential.person.admin || each.authType === credential.person.id)
        .map(shape)
    ),
    method('events', ({ credential }, params) => {
      const wanted = params['SCOPE'] === undefined ? undefined : textOf(params['SCOPE'])
      const fits = (scope: string | null) =>
        wanted === undefined
          ? truthy(params['FULL']) || scope === null || credential.scope.includes(scope)
          : (scope ?? '') === wanted
      return [...EVENTS].filter(([, scope]) => fits(scope)).map(([name]) => name)
    })
  ]
}

const denied = (what: string) =>
  new RestError(403, 'ACCESS_DENIED', `Access denied! ${what} requires administrator access rights`)

function bind(events: EventHandlers, { credential }: CallContext, params: PhpParams): true {
  const { person } = credential
  const event = required(params, 'EVENT').toUpperCase()
  const offline = textOf(params['EVENT_TYPE']) === 'offline'
  const wantedAuth = textOf(params['AUTH_TYPE'])
  if (offline && !person.admin) throw denied('Offline events binding')
  if (!person.admin && wantedAuth !== '' && Number(wantedAuth) !== person.id) {
    throw denied('Event binding with AUTH_TYPE')
  }
  const scope = EVENTS.get(event)
  if (scope === undefined || (scope !== null && !credential.scope.includes(scope))) {
    throw new RestError(400, 'ERROR_EVENT_NOT_FOUND', 'Event not found')
  }
  const handler = offline ? textOf(params['HANDLER']) : required(params, 'HANDLER')
  if (!offline) checkHandlerUrl(handler)
  const authType = person.admin ? Number(wantedAuth) || 0 : person.id
  if (!events.bind({ clientId: credential.id, event, handler, authType, offline })) {
    throw new RestError(400, 'ERROR_CORE', 'Unable to set event handler: Handler already binded')
  }
  return true
}

function unbind(events: EventHandlers, { credential }: CallContext, params: PhpParams): { count: number } {
  const { person } = credential
  const event = required(params, 'EVENT').toUpperCase()
  const offline = textOf(params['EVENT_TYPE']) === 'offline'
  if (offline && !person.admin) throw denied('Offline events unbinding')
  const handler = offline ? textOf(params['HANDLER']) : required(params, 'HANDLER')
  const authType = person.admin ? textOf(params['AUTH_TYPE']) : String(person.id)
  const count = events.unbind(
    each =>
      each.clientId === credential.id &&
      each.event === event &&
      each.handler === handler &&
      each.offline === offline &&
      (authType === '' || each.authType === Number(authType))
  )
  return { count }
}

const shape = ({ event, handler, authType, offline }: EventHandler) => ({
  event,
  handler,
  auth_type: String(authType),
  offline: offline ? 1 : 0
})
