// What a test or a program can do with an emulated portal.
// Must stay true: types only; emulated-portal.ts puts the portal together.
import type { ApplicationForm, ApplicationKeys } from './application.ts'
import type { Applications } from './applications.ts'
import type { AuthorizationServer } from './authorization-server.ts'
import type { TokenSet } from './credentials.ts'
import type { Delivery } from './event-delivery.ts'
import type { EventHandler } from './event-handlers.ts'
import type { Faults } from './faults.ts'
import type { Method, Person, PhpParams } from './method.ts'
import type { Opening, OpeningWish } from './openings.ts'
import type { PlacementBinding } from './placements.ts'
import type { PortalStats } from './portal-parts.ts'
import type { SeedOptions } from './seed.ts'
import type { Plan, SettingsChange } from './settings.ts'
import type { PortalState, PortalStateOptions } from './state.ts'

export interface EmulatedPortalOptions extends SettingsChange {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default standard. */
  readonly plan?: Plan
  /** Records that are there from the start. */
  readonly seed?: SeedOptions
  readonly state?: PortalStateOptions
  /** Default: 1 an administrator, 2 an ordinary user, 3 a user without CRM rights. */
  readonly people?: readonly Person[]
  /** Further methods, for tests. */
  readonly methods?: readonly Method[]
  /** Whose tokens the portal takes; whoever made it closes it. Default: one of its own, closed with the portal. */
  readonly authorization?: AuthorizationServer
  /** Of the portal's own authorization server. Default 0: any free port. */
  readonly authorizationPort?: number
  /** 32 hex digits. Default: made of the portal's first address, so it stays the same on a fixed port. */
  readonly memberId?: string
}

export interface EmulatedPortal {
  /** The address of the desktop, too. */
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly memberId: string
  readonly authorization: AuthorizationServer
  /** `<origin>/rest/1/<secret>/` with every scope. */
  readonly webhookUrl: string
  /** Another incoming webhook; by default person 1 with the scope crm. */
  webhook(options?: { readonly scope?: readonly string[]; readonly person?: number }): string
  /** Takes a webhook back: calls get 401 INVALID_CREDENTIALS. */
  removeWebhook(url: string): void
  readonly credentials: PortalCredentials
  /** Fills in the form "Local application". @throws when a field is wrong */
  registerApplication(form: ApplicationForm): ApplicationKeys
  readonly applications: PortalApplications
  /** What the desktop's frame sends when a person opens the application there. @throws {OpeningRefused} */
  open(wish: OpeningWish): Opening
  /** Fires an event of an installed application, or sends it to one `handler`; resolves with the requests. Without `person` it carries no tokens. */
  deliverEvent(news: {
    readonly clientId: string
    readonly event: string
    readonly data?: PhpParams
    readonly person?: number
    readonly handler?: string
  }): Promise<readonly Delivery[]>
  /** Every event request so far. */
  readonly deliveries: readonly Delivery[]
  /** Resolves when no event waits or is under way. */
  eventsSettled(): Promise<void>
  readonly faults: Faults
  readonly state: PortalState
  readonly stats: PortalStats
  /** Changes speed, limits and switches from the next request on. @throws {RangeError} */
  configure(change: SettingsChange): void
  /** Empties the request bucket and the operating time. */
  resetLimits(): void
  /** Drops connections, the queue and all work; data stay. For `downMs` (default 0) connections are refused. */
  restart(downMs?: number): void
  /** Gives the portal a second address, which becomes its own; the first answers 302 from now on. */
  rename(): Promise<void>
  close(): Promise<void>
}

/** An application that is always there, installed and without pages, for tests that only need tokens. */
export interface PortalCredentials extends ApplicationKeys {
  readonly memberId: string
  /** A new grant for a person (default 1), as the token endpoint answers it. */
  issueTokens(person?: number): TokenSet
  /** Lets an access token expire now, whichever application's it is. */
  expireToken(accessToken: string): void
  /** Takes every grant of this application back. */
  revokeTokens(): void
}

/** The registered applications, by client id. @throws {RangeError} for an unknown one */
export interface PortalApplications extends Pick<Applications, 'save' | 'reinstall' | 'remove'> {
  installed(clientId: string): boolean
  /** As the installation page's installFinish: answers whether the person (default 1) may. */
  finishInstall(clientId: string, person?: number): boolean
  issueTokens(clientId: string, person?: number): TokenSet
  /** Lets all its access tokens expire now. */
  expireTokens(clientId: string): void
  /** Takes all its tokens back, refresh tokens too. */
  revokeTokens(clientId: string): void
  placements(clientId: string): readonly PlacementBinding[]
  eventHandlers(clientId: string): readonly EventHandler[]
}
