// The local application as the web side sees it: who is at the door, what to bind, how to reach a portal as a person.
// Must stay true: nothing here is believed before the authorization server confirmed it; no token gets out.
import type { Channel } from './channel.ts'
import type { Installation } from './installation.ts'
import type { RunRecord } from './run/run.ts'

/** What a portal's page hands over when it opens ours; nothing of it is proven. */
export interface Handshake {
  /** Host[:port] as the request says. */
  readonly domain: string
  readonly memberId: string
  readonly accessToken: string
  readonly refreshToken: string
  /** Seconds. */
  readonly expiresIn: number
  /** Present on newer portals only. */
  readonly serverEndpoint: string | undefined
  readonly applicationToken: string | undefined
  readonly placement: string
  readonly options: Readonly<Record<string, string>>
}

/** A lifecycle event of the application; nothing of it is proven. */
export interface PortalEvent {
  readonly event: 'ONAPPINSTALL' | 'ONAPPUNINSTALL'
  readonly memberId: string
  readonly applicationToken: string | undefined
  /** Unix seconds by the portal's clock; undefined where it does not say. */
  readonly at: number | undefined
  /** ONAPPUNINSTALL: the application's data go too. */
  readonly clean: boolean
  /** ONAPPINSTALL: tokens of the acting person. */
  readonly grant:
    | (Pick<Handshake, 'accessToken' | 'expiresIn' | 'serverEndpoint'> & {
        /** Undefined: the portal's as it is known. */
        readonly domain: string | undefined
        readonly refreshToken: string | undefined
      })
    | undefined
}

export interface Person {
  readonly userId: string
  readonly name: string
  /** A portal administrator. */
  readonly admin: boolean
}

/** A proven person on a proven portal. */
export interface Visit {
  readonly installation: Installation
  readonly person: Person
}

/** Where a page was opened, and by whom. It counts for this very installation: not for one that was made anew since. */
export interface Opened {
  readonly memberId: string
  readonly userId: string
  /** As in `Installation`. */
  readonly installedAt: number
}

/** One thing that binding did; `id` is a placement code or an event name. */
export interface Step {
  readonly id: string
  readonly result: 'done' | 'skipped' | 'failed'
  /** Why it failed. */
  readonly message: string | null
}

export interface LocalApplication {
  /** The portal's origin when its host is on the allow-list; asks nobody. */
  originOf(handshake: Pick<Handshake, 'domain'>): string | undefined
  /** Proves an installing administrator, stores the installation, binds placements and events. @throws {AppError, PortalFailure} */
  install(handshake: Handshake): Promise<Visit & { readonly steps: readonly Step[] }>
  /** Proves whoever opens a page; the first opening makes the installation active. @throws {AppError, PortalFailure} */
  open(handshake: Handshake): Promise<Visit>
  /**
   * A person known from a session, asked for anew at the portal. Where it does not take their access any more, their tokens go, and
   * with them their sessions. @throws {AppError} SESSION_INVALID, {PortalFailure} when the portal merely does not answer
   */
  revisit(opened: Opened): Promise<Visit>
  /** The way to a portal with a person's rights; undefined when that installation is gone, or the person's access. */
  channel(opened: Opened): Promise<Channel | undefined>
  /** Whether an error says that the portal does not take a person's access any more. */
  isLostAccess(error: unknown): boolean
  /** Fresh tokens where they would run out during a run. @throws {PortalFailure} */
  prepare(memberId: string, userId: string): Promise<void>
  /** The same for a run that somebody else lets go on; undefined also when the portal does not take that person's access any more. */
  channelToResume(run: RunRecord): Promise<Channel | undefined>
  /** The channel of whoever started a run, or has taken it over; undefined when the application is not installed there. */
  channelOfRun(run: RunRecord): Promise<Channel | undefined>
  /** Obeys an event that proves itself, or that the portal confirms; ignores all others. */
  receive(event: PortalEvent): Promise<void>
  close(): void
}
