// Which application wants which event where, and what is sent when one happens (protocol.md, 5.4 and 5.5).
// Must stay true: an application that is not installed gets no events; tokens in an event are those of its acting user, or absent.
import type { RegisteredApplication } from './application.ts'
import type { Credentials } from './credentials.ts'
import type { Delivery, EventDelivery } from './event-delivery.ts'
import type { PhpParams } from './method.ts'

/** The events of this portal, with the scope that each needs. CRM events can be bound and delivered by hand; changes do not fire them. */
export const EVENTS: ReadonlyMap<string, string | null> = new Map([
  ...['ONAPPINSTALL', 'ONAPPUPDATE', 'ONAPPUNINSTALL', 'ONAPPTEST', 'ONAPPPAYMENT'].map(name => [name, null] as const),
  ...['COMPANY', 'CONTACT'].flatMap(entity =>
    ['ADD', 'UPDATE', 'DELETE'].map(action => [`ONCRM${entity}${action}`, 'crm'] as const)
  ),
  ['ONUSERADD', 'user']
])

export interface EventHandler {
  readonly id: number
  readonly clientId: string
  readonly event: string
  readonly handler: string
  /** 0: the token of whoever acted; else that of this person. */
  readonly authType: number
  readonly offline: boolean
}

/** What happened. */
export interface EventNews {
  readonly event: string
  readonly data: PhpParams
  /** Whoever acted; undefined when nobody did: the event then carries no tokens (trap 21). */
  readonly person: number | undefined
  readonly withRefreshToken?: boolean
}

export interface EventHandlersOptions {
  readonly credentials: Credentials
  readonly delivery: EventDelivery
  /** Unix milliseconds, as the portal tells them. */
  readonly clock: () => number
}

export function createEventHandlers({ credentials, delivery, clock }: EventHandlersOptions) {
  let handlers: EventHandler[] = []
  let lastId = 0

  /** The form of one event. `handlerId`: absent from events that no handler is bound to. */
  const formOf = (application: RegisteredApplication, news: EventNews, handlerId?: number): PhpParams => ({
    event: news.event,
    event_handler_id: handlerId,
    data: news.data,
    ts: Math.floor(clock() / 1000),
    auth: authOf(application, news)
  })

  function authOf(application: RegisteredApplication, { person, withRefreshToken }: EventNews): PhpParams {
    const endpoints = credentials.endpoints()
    const application_token = application.applicationToken
    if (person === undefined) return { ...endpoints, application_token }
    const tokens = credentials.issueTokens(application, person)
    return {
      access_token: tokens.access_token,
      expires: tokens.expires,
      expires_in: tokens.expires_in,
      scope: tokens.scope,
      domain: endpoints.domain, // the portal's here, unlike in answers of the token endpoint
      server_endpoint: endpoints.server_endpoint,
      status: tokens.status,
      client_endpoint: endpoints.client_endpoint,
      member_id: endpoints.member_id,
      user_id: tokens.user_id,
      refresh_token: withRefreshToken === true ? tokens.refresh_token : undefined,
      application_token
    }
  }

  return {
    of: (clientId: string): EventHandler[] => handlers.filter(each => each.clientId === clientId),
    /** Answers false when this handler is bound already. */
    bind(wanted: Omit<EventHandler, 'id'>): boolean {
      const same = (each: EventHandler) =>
        each.clientId === wanted.clientId &&
        each.event === wanted.event &&
        each.handler === wanted.handler &&
        each.authType === wanted.authType &&
        each.offline === wanted.offline
      if (handlers.some(same)) return false
      handlers.push({ ...wanted, id: ++lastId })
      return true
    },
    /** Answers how many went. */
    unbind(gone: (handler: EventHandler) => boolean): number {
      const before = handlers.length
      handlers = handlers.filter(each => !gone(each))
      return before - handlers.length
    },
    /** Queues an event for every handler bound to it now. What is sent is settled here, whatever happens afterwards. */
    async fire(application: RegisteredApplication, news: EventNews): Promise<Delivery[]> {
      if (!application.installed) return []
      const bound = handlers.filter(
        each => each.clientId === application.clientId && each.event === news.event && !each.offline
      )
      const sent = bound.map(({ id, handler, authType }) => {
        const person = news.person !== undefined && authType > 0 ? authType : news.person
        return delivery.send(news.event, handler, formOf(application, { ...news, person }, id))
      })
      return (await Promise.all(sent)).flat()
    },
    /** Queues an event for one address, bound or not. */
    sendTo: (handler: string, application: RegisteredApplication, news: EventNews): Promise<Delivery[]> =>
      delivery.send(news.event, handler, formOf(application, news))
  }
}

export type EventHandlers = ReturnType<typeof createEventHandlers>
