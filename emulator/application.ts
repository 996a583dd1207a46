// What the portal's form "Local application" asks for, and what the portal keeps about an application (protocol.md, 5.1).
// Must stay true: types only; their life is in applications.ts.
import type { Application } from './credentials.ts'

/** The portal's form "Local application". */
export interface ApplicationForm {
  readonly handlerUrl: string
  /** Without it the application is installed at once and never shows an installation page (trap 13). */
  readonly installUrl?: string
  readonly title: { readonly ru: string; readonly en: string }
  /** At least one. */
  readonly scope: readonly string[]
  /** No user interface: installed at once, `installUrl` gets ONAPPINSTALL from server to server. */
  readonly scriptOnly?: boolean
  /** Default: new ones. Given, several portals can know one application by the same keys. */
  readonly clientId?: string
  readonly clientSecret?: string
}

export interface ApplicationKeys {
  readonly clientId: string
  readonly clientSecret: string
  /** 32 hex digits. */
  readonly applicationToken: string
}

export interface RegisteredApplication extends Application, ApplicationKeys {
  readonly id: number
  form: ApplicationForm
  scope: readonly string[]
  installed: boolean
  readonly options: Map<string, unknown>
  readonly userOptions: Map<number, Map<string, unknown>>
  /** Persons for whom the first run is over (FIRST_RUN). */
  readonly startedBy: Set<number>
}
