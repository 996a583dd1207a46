// Everything about local applications in one portal: registry, bindings, events, openings, and how programs steer them.
// Must stay true: what a program can do here, the desktop's buttons and the installation page do by the same functions.
import { createApplications } from './applications.ts'
import { createCredentials, type Endpoints } from './credentials.ts'
import { createEventDelivery } from './event-delivery.ts'
import { createEventHandlers } from './event-handlers.ts'
import type { Person } from './method.ts'
import { createOpenings } from './openings.ts'
import { createPlacements } from './placements.ts'
import type { EmulatedPortal, PortalApplications } from './portal-api.ts'
import type { PortalSettings } from './settings.ts'

interface ApplicationPartsOptions {
  readonly settings: PortalSettings
  readonly people: readonly Person[]
  readonly endpoints: () => Endpoints
  /** Unix milliseconds. */
  readonly clock: () => number
}

/** `administrator`: the first person with such rights. */
export function createApplicationParts({ settings, people, endpoints, clock }: ApplicationPartsOptions) {
  const credentials = createCredentials({
    people,
    clock,
    tokenSeconds: () => settings.tokenSeconds,
    replacedToken: () => settings.replacedToken,
    endpoints
  })
  const delivery = createEventDelivery(
    () => settings.events,
    () => settings.formFields
  )
  const events = createEventHandlers({ credentials, delivery, clock: () => clock() + settings.clockAheadMs })
  const placements = createPlacements(() => settings.placements)
  const administrator = people.find(person => person.admin)?.id ?? 1
  const memberId = () => endpoints().member_id
  const applications = createApplications({ memberId, credentials, events, placements, administrator })
  const openings = createOpenings({ applications, placements, credentials, settings })
  return { credentials, delivery, events, placements, administrator, applications, openings }
}

export type ApplicationParts = ReturnType<typeof createApplicationParts>

function steerApplications({ applications, credentials, placements, events }: ApplicationParts): PortalApplications {
  const { save, reinstall, remove, get } = applications
  return {
    save,
    reinstall,
    remove,
    installed: clientId => get(clientId).installed,
    finishInstall: (clientId, person = 1) => applications.setInstalled(get(clientId), person),
    issueTokens: (clientId, person = 1) => credentials.issueTokens(get(clientId), person),
    expireTokens: clientId => credentials.expireTokens(get(clientId)),
    revokeTokens: clientId => credentials.revokeTokens(get(clientId)),
    placements: placements.of,
    eventHandlers: events.of
  }
}

type ApplicationDoors = Pick<
  EmulatedPortal,
  'registerApplication' | 'applications' | 'open' | 'deliverEvent' | 'deliveries' | 'eventsSettled'
>

/** The members of an emulated portal that concern applications. */
export function applicationDoors(parts: ApplicationParts): ApplicationDoors {
  const { applications, delivery, events, openings } = parts
  return {
    registerApplication(form) {
      const { clientId, clientSecret, applicationToken } = applications.register(form)
      return { clientId, clientSecret, applicationToken }
    },
    applications: steerApplications(parts),
    open: openings.open,
    async deliverEvent({ clientId, event, data = {}, person, handler }) {
      const application = applications.get(clientId)
      const news = { event, data, person }
      return handler === undefined ? events.fire(application, news) : events.sendTo(handler, application, news)
    },
    deliveries: delivery.deliveries,
    eventsSettled: delivery.settled
  }
}
