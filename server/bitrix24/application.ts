// The local application: installing, opening, removing, and the ways to its portals.
// Must stay true: nothing is stored before the authorization server confirmed the claim; repeating any step is safe, after a crash too.
import { timingSafeEqual } from 'node:crypto'
import type { Handshake, LocalApplication, Opened, PortalEvent, Step } from '../core/application.ts'
import type { Channel } from '../core/channel.ts'
import type { Clock } from '../core/clock.ts'
import { adminRequired, notInstalledYet, scopeMissing, sessionInvalid } from '../core/errors.ts'
import { type Installation, type InstallationChange, type InstallationStore, Tokens } from '../core/installation.ts'
import { PortalFailure } from '../core/portal.ts'
import { allowedHost, isLoopbackHost } from '../core/portal-hosts.ts'
import type { Runs } from '../core/run/runs.ts'
import type { createChannels } from './channels.ts'
import { bindEverything } from './placements.ts'
import { createRemovals } from './removals.ts'
import type { TokenKeeper } from './token-keeper.ts'
import { type createVisitors, isLostAccess, type Proof } from './visitors.ts'

export interface ApplicationDeps {
  readonly store: InstallationStore
  readonly keeper: TokenKeeper
  readonly channels: ReturnType<typeof createChannels>
  readonly visitors: ReturnType<typeof createVisitors>
  readonly clock: Clock
  readonly portalHosts: readonly string[]
  readonly publicUrl: string
  readonly runs: Pick<Runs, 'active' | 'find' | 'cancel' | 'watch'>
  /** Something did not work that must not stop a page or an event. */
  readonly onTrouble: (error: unknown, what: string) => void
}

/** What the portal must grant (README). */
const NEEDED = ['crm', 'placement']
/** Tokens that end sooner are renewed before a run begins. */
const EARLY_MS = 10 * 60_000
/** A page waits this long for the placements to be bound; whatever is left of that goes on beside it. */
const BIND_PATIENCE_MS = 3000

const same = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

type Bearer = Pick<Handshake, 'accessToken' | 'refreshToken' | 'expiresIn'>

export const createApplication = (deps: ApplicationDeps): LocalApplication => {
  const { store, keeper, channels, visitors, clock, publicUrl, onTrouble } = deps
  const closing = new AbortController()
  const removals = createRemovals({ ...deps, closing: closing.signal })

  const living = async (memberId: string): Promise<Installation | undefined> => {
    const found = await store.find(memberId)
    return found?.status === 'deleted' ? undefined : found
  }
  const stillInstalled = async ({ memberId, installedAt }: Opened): Promise<Installation | undefined> => {
    const found = await living(memberId)
    return found?.installedAt === installedAt ? found : undefined
  }
  const tokensOf = ({ grant }: Proof, { accessToken, refreshToken, expiresIn }: Bearer): Tokens =>
    new Tokens(grant.userId, accessToken, refreshToken, grant.expiresAt ?? clock.now() + expiresIn * 1000)

  /** Events are dated by the portal, so installations are, too: the two are compared. Ours is the last resort. */
  const dateOf = ({ portalNow, grant }: Proof, before: Installation | undefined): number => {
    const date = Math.floor(portalNow ?? grant.answeredAt ?? clock.now())
    // It also tells this installation from the one before.
    return date === before?.installedAt ? date + 1 : date
  }

  const create = async (proof: Proof, handshake: Handshake): Promise<Installation> => {
    const { grant } = proof
    const missing = NEEDED.filter(scope => !grant.scope.includes(scope))
    if (missing.length > 0) throw scopeMissing(missing.join(', '))
    const before = await store.find(handshake.memberId)
    const installedAt = dateOf(proof, before)
    const installation: Installation = {
      memberId: handshake.memberId,
      origin: grant.origin,
      authorization: grant.authorization,
      applicationToken: handshake.applicationToken ?? before?.applicationToken ?? null,
      scope: grant.scope,
      status: 'new',
      boundTo: null,
      installedAt,
      // One from the future, which an earlier removal may have brought, would make every later one look like a replay.
      lastEventAt: Math.min(before?.lastEventAt ?? 0, Math.floor(installedAt / 1000))
    }
    await store.save(installation, tokensOf(proof, handshake))
    return installation
  }

  const bind = async (memberId: string, channel: Channel): Promise<readonly Step[]> => {
    const steps = await bindEverything(channel, publicUrl)
    if (steps.every(({ result }) => result !== 'failed')) await store.change(memberId, { boundTo: publicUrl })
    return steps
  }

  /** What a proven opening teaches about an installation that is there already. */
  const refreshRecord = async (known: Installation, proof: Proof, handshake: Handshake): Promise<Installation> => {
    const { origin, authorization, scope } = proof.grant
    const token = proof.person.admin ? handshake.applicationToken : undefined
    const learned: InstallationChange = {
      origin,
      authorization,
      scope,
      status: 'active',
      // Nobody signs it; an administrator may remove the application anyway, so theirs is believed.
      ...(token === undefined ? {} : { applicationToken: token })
    }
    const now: Installation = { ...known, ...learned }
    // Nothing but what was learned: it may have been installed anew since it was read.
    if (JSON.stringify(now) !== JSON.stringify(known)) await store.change(known.memberId, learned)
    await store.saveTokens(known.memberId, tokensOf(proof, handshake))
    return now
  }

  /** What a proven ONAPPINSTALL brings: an application token where none is known, and tokens that are newer. */
  const takeTokens = async ({ memberId, grant, applicationToken }: PortalEvent, known: Installation): Promise<void> => {
    if (grant === undefined) return
    const { refreshToken, domain = new URL(known.origin).host } = grant
    const proof = await visitors.prove({ memberId, ...grant, domain }, { known: true })
    if ((await living(memberId)) === undefined) return
    if (known.applicationToken === null) {
      if (!proof.person.admin || applicationToken === undefined) return
      await store.change(memberId, { applicationToken })
    }
    if (refreshToken !== undefined) await store.saveTokens(memberId, tokensOf(proof, { ...grant, refreshToken }))
  }

  const channelOfRun: LocalApplication['channelOfRun'] = async ({ portalId, startedBy: { userId } }) =>
    userId === null || (await living(portalId)) === undefined ? undefined : channels.of(portalId, userId)

  return {
    channelOfRun,
    originOf({ domain }) {
      const host = allowedHost(domain, deps.portalHosts)
      return host === undefined ? undefined : `${isLoopbackHost(host) ? 'http' : 'https'}://${host}`
    },
    async install(handshake) {
      const known = (await store.find(handshake.memberId)) !== undefined
      const proof = await visitors.prove(handshake, { known, anew: true })
      if (!proof.person.admin) throw adminRequired('Installing BitrixCorp')
      const installation = await create(proof, handshake)
      const steps = await bind(handshake.memberId, await channels.of(handshake.memberId, proof.person.userId))
      return { installation, person: proof.person, steps }
    },
    async open(handshake) {
      const recorded = await store.find(handshake.memberId)
      const before = recorded?.status === 'deleted' ? undefined : recorded
      // What was believed of an installation that is gone (another process may have removed it) is asked anew.
      const proof = await visitors.prove(handshake, { known: recorded !== undefined, anew: before === undefined })
      const { person } = proof
      const known = await living(handshake.memberId)
      // Removed while the portal was asked: this opening is older than the removal. One that comes from here on finds a store
      // which changes nothing of what is deleted.
      if (known === undefined && (before !== undefined || !person.admin)) throw notInstalledYet()
      const created = known === undefined ? await create(proof, handshake) : known
      const installation = await refreshRecord(created, proof, handshake)
      if (person.admin && installation.boundTo !== publicUrl) {
        const channel = await channels.of(handshake.memberId, person.userId)
        const over = new AbortController()
        const binding = bind(handshake.memberId, channel)
          .catch(error => onTrouble(error, 'binding placements'))
          .finally(() => over.abort())
        await Promise.race([binding, clock.sleep(BIND_PATIENCE_MS, over.signal)])
      }
      return { installation, person }
    },
    async revisit(opened) {
      const { memberId, userId } = opened
      const installation = await stillInstalled(opened)
      if (installation === undefined) throw sessionInvalid()
      const tokens = await store.tokens(memberId, userId)
      if (tokens === undefined) throw sessionInvalid()
      try {
        const { person } = await visitors.ask(memberId, userId, await channels.of(memberId, userId))
        return { installation, person }
      } catch (error) {
        if (!isLostAccess(error)) throw error
        // Theirs alone, and only these: a page may have been opened meanwhile and have brought new ones.
        await store.replaceTokens(memberId, tokens)
        throw sessionInvalid(error)
      }
    },
    async channel(opened) {
      const { memberId, userId } = opened
      const isOpen =
        (await stillInstalled(opened)) !== undefined && (await store.tokens(memberId, userId)) !== undefined
      return isOpen ? channels.of(memberId, userId) : undefined
    },
    isLostAccess,
    async prepare(memberId, userId) {
      const tokens = await keeper.current(memberId, userId)
      if (tokens.expiresAt - clock.now() > EARLY_MS) return
      await keeper.renew(memberId, userId, tokens.access).catch(error => {
        // Not renewed is not yet expired.
        if (!(error instanceof PortalFailure && error.kind === 'unreachable')) throw error
      })
    },
    async channelToResume(run) {
      const { portalId, startedBy } = run
      const channel = await channelOfRun(run)
      if (channel === undefined || startedBy.userId === null) return undefined
      return (await visitors.haveAccess(portalId, startedBy.userId, channel)) ? channel : undefined
    },
    async receive(event) {
      const known = await living(event.memberId)
      if (known === undefined) return
      const { applicationToken } = known
      const isRight = applicationToken !== null && same(applicationToken, event.applicationToken ?? '')
      // One that was never learned, or that an event lacks, says nothing; a wrong one does.
      if (!isRight && applicationToken !== null && event.applicationToken !== undefined) return
      if (event.event === 'ONAPPUNINSTALL') return removals.receive(event, known, isRight)
      if (isRight || applicationToken === null) await takeTokens(event, known)
    },
    close() {
      closing.abort()
      channels.close()
    }
  }
}
