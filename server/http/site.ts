// Which portal a request works on, and as whom.
// Must stay true: a route gets its portal from here and nowhere else; a session chooses the portal, never a parameter.
import type { Context, Middleware } from 'koa'
import type { LocalApplication } from '../core/application.ts'
import type { Channel } from '../core/channel.ts'
import { AppError, adminRequired, notFound, sessionInvalid, standaloneOff } from '../core/errors.ts'
import type { RunRecord, RunSnapshot, StartedBy } from '../core/run/run.ts'
import type { Runs } from '../core/run/runs.ts'
import { parseInput, runIdParam } from './input.ts'
import type { SecretGate } from './secret-gate.ts'
import { type PageSession, type Sessions, sessionOf } from './session.ts'

/** The portal of the standalone routes. */
export interface StandaloneSite {
  readonly channel: Channel
  readonly mode: 'webhook' | 'emulated'
  /** Learns whether it is the portal of an installation: then they have one history, and one run at a time. */
  settle(): Promise<void>
}

export interface Site {
  readonly channel: Channel
  readonly mode: 'webhook' | 'emulated' | 'portal'
  readonly startedBy: StartedBy
  /** May clear everything, and stop what others started; in a frame as of the last renewal of the session. */
  readonly admin: boolean
  /** Of the page in a portal's frame. */
  readonly session: PageSession | null
  /** Asks the portal anew, whatever was believed before. `what`: for the text. @throws {AppError} ADMIN_REQUIRED, SESSION_INVALID, {PortalFailure} */
  demandAdmin(what: string): Promise<void>
  /** Before a run begins. @throws {PortalFailure} */
  prepare(): Promise<void>
  /** How a stopped run goes on: with the rights of whoever started it, or this visitor's, where those are lost for good. */
  wayOn(record: RunRecord): Promise<{ readonly channel: Channel; readonly userId: string | null }>
}

/** The local application and its sessions. */
export interface ApplicationDoor {
  readonly application: LocalApplication
  readonly sessions: Sessions
}

/** @throws {AppError} SESSION_INVALID, FORBIDDEN, STANDALONE_OFF */
export type SiteOf = (ctx: Context) => Promise<Site>

export interface SitesDeps {
  /** Undefined: only portals with the application have a site. */
  readonly site: StandaloneSite | undefined
  readonly gate: SecretGate
  readonly door: ApplicationDoor | undefined
}

const wayOnFrom =
  (channel: Channel, { userId }: StartedBy, application: LocalApplication | undefined): Site['wayOn'] =>
  async record => {
    const { startedBy } = record
    const theirs = startedBy.userId === userId ? undefined : await application?.channelToResume(record)
    return theirs === undefined ? { channel, userId } : { channel: theirs, userId: startedBy.userId }
  }

const standaloneUser: StartedBy = { userId: null, name: 'standalone' }

const standaloneSite = ({ channel, mode }: StandaloneSite, door: ApplicationDoor | undefined): Site => ({
  channel,
  mode,
  startedBy: standaloneUser,
  admin: true,
  session: null,
  demandAdmin: async () => undefined,
  prepare: async () => undefined,
  wayOn: wayOnFrom(channel, standaloneUser, door?.application)
})

/** @throws {AppError} SESSION_INVALID when the application was removed from there, or installed anew */
export const portalSite = async ({ application }: ApplicationDoor, session: PageSession): Promise<Site> => {
  const { memberId, userId, name, admin } = session
  const channel = await application.channel(session)
  if (channel === undefined) throw sessionInvalid()
  const startedBy = { userId, name }
  return {
    channel,
    mode: 'portal',
    startedBy,
    admin,
    session,
    async demandAdmin(what) {
      if (!admin || !(await application.revisit(session)).person.admin) throw adminRequired(what)
    },
    prepare: () => application.prepare(memberId, userId),
    wayOn: wayOnFrom(channel, startedBy, application)
  }
}

export interface Sites {
  /** For the API. */
  readonly of: SiteOf
  /** The same, also without the standalone secret: for what says no more than "busy". */
  readonly openOf: SiteOf
  /** For the classic routes, which know no sessions. */
  readonly standalone: SiteOf
}

/** Where a request remembers the session that it works with. */
const WORKS_WITH = 'session'

/** A portal that refuses a person's access ends their sessions, whatever was asked of it. */
export const endLostSessions = (door: ApplicationDoor | undefined): Middleware =>
  async function endLostSessions(ctx, next) {
    try {
      await next()
    } catch (error) {
      const session: PageSession | undefined = ctx.state[WORKS_WITH]
      if (door === undefined || session === undefined || !door.application.isLostAccess(error)) throw error
      // Asked once more, about the person: a refusal may have met a token that was replaced on the way.
      await door.application.revisit(session)
      throw error
    }
  }

const carriesBearer = (ctx: Context): boolean => /^Bearer +\S/i.test(ctx.get('Authorization'))

export const createSites = ({ site, gate, door }: SitesDeps): Sites => {
  const open = async (): Promise<Site> => {
    if (site === undefined) throw standaloneOff()
    await site.settle()
    return standaloneSite(site, door)
  }
  const standalone: SiteOf = async ctx => {
    const found = await open()
    await gate.demand(ctx)
    return found
  }
  const sessionOr =
    (otherwise: SiteOf): SiteOf =>
    async ctx => {
      const token = sessionOf(ctx)
      if (token === undefined || door === undefined) return otherwise(ctx)
      if (await gate.carries(ctx)) return open()
      const session = await door.sessions.read(token)
      const found = await portalSite(door, session)
      ctx.state[WORKS_WITH] = session
      return found
    }
  /** Where only sessions open anything, whatever else a program sends as a bearer is none. */
  const sessionOrStandalone = sessionOr(ctx => {
    if (site === undefined && carriesBearer(ctx)) throw sessionInvalid()
    return standalone(ctx)
  })
  /** A session that is over says nothing about who may ask whether the standalone portal is busy. */
  const openOf: SiteOf = async ctx => {
    try {
      return await sessionOr(open)(ctx)
    } catch (error) {
      if (site === undefined || !(error instanceof AppError) || error.code !== 'SESSION_INVALID') throw error
      return open()
    }
  }
  return { of: sessionOrStandalone, openOf, standalone }
}

/** A run of this site's portal; others do not exist here. @throws {AppError} NOT_FOUND */
export const findRun = async (
  runs: Runs,
  site: Site,
  runId: string
): Promise<{ readonly record: RunRecord; readonly snapshot: RunSnapshot }> => {
  const found = await runs.find(runId)
  if (found === undefined || found.record.portalId !== site.channel.portal.id) {
    throw notFound('There is no such run. GET /api/runs lists those that there are.')
  }
  return found
}

/** The run that the path names. @throws {AppError} INVALID_INPUT, NOT_FOUND */
export const runOfPath = (runs: Runs, site: Site, ctx: Context & { params: Record<string, string> }) =>
  findRun(runs, site, parseInput(runIdParam, ctx.params['id']))

/** The same, when this person may stop it or let it go on. @throws {AppError} ADMIN_REQUIRED besides */
export const ownRunOfPath = async (runs: Runs, site: Site, ctx: Context & { params: Record<string, string> }) => {
  const found = await runOfPath(runs, site, ctx)
  if (!site.admin && found.record.startedBy.userId !== site.startedBy.userId) {
    throw adminRequired('Stopping or resuming a run that somebody else started')
  }
  return found
}
