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
import type { RunSnapshot } from '../core/run/run.ts'
import type { Runs } from '../core/run/runs.ts'
import type { createChannels } from './channels.ts'
import { bindEverything } from './placements.ts'
import type { TokenKeeper } from './token-keeper.ts'
import type { createVisitors, Proof } from './visitors.ts'

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
/** Clocks differ by less. An event from further ahead would make every later one look like a replay. */
const AHEAD_MS = 24 * 3_600_000
/** A page waits this long for the placements to be bound; whatever is left of that goes on beside it. */
const BIND_PATIENCE_MS = 3000
/** Longer than any run needs to settle what was in flight. */
const RUN_END_MS = 10 * 60_000

const same = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

type Bearer = Pick<Handshake, 'accessToken' | 'refreshToken' | 'expiresIn'>

export const createApplication = (deps: ApplicationDeps): LocalApplication => {
  const { store, keeper, channels, visitors, clock, publicUrl, runs, onTrouble } = deps
  const closing = new AbortController()

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

  const create = async (proof: Proof, handshake: Handshake): Promise<Installation> => {
    const { grant } = proof
    const missing = NEEDED.filter(scope => !grant.scope.includes(scope))
    if (missing.length > 0) throw scopeMissing(missing.join(', '))
    const before = await store.find(handshake.memberId)
    const installation: Installation = {
      memberId: handshake.memberId,
      origin: grant.origin,
      authorization: grant.authorization,
      applicationToken: handshake.applicationToken ?? before?.applicationToken ?? null,
      scope: grant.scope,
      status: 'new',
      boundTo: null,
      installedAt: clock.now(),
      lastEventAt: before?.lastEventAt ?? 0
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
      ...{ origin, authorization, scope, status: 'active' },
      // Nobody signs it; an administrator may remove the application anyway, so theirs is believed.
      ...(token === undefined ? {} : { applicationToken: token })
    }
    const now: Installation = { ...known, ...learned }
    // Nothing but what was learned: it may have been installed anew since it was read.
    if (JSON.stringify(now) !== JSON.stringify(known)) await store.change(known.memberId, learned)
    await store.saveTokens(known.memberId, tokensOf(proof, handshake))
    return now
  }

  /** The run that one of its people has started; a webhook's page of the same portal is not its concern. */
  const ownRun = async (memberId: string): Promise<RunSnapshot | undefined> => {
    const run = await runs.active(memberId)
    const found = run && (await runs.find(run.id))
    return found === undefined || found.record.startedBy.userId === null ? undefined : run
  }

  const remove = async ({ memberId, at, clean }: PortalEvent): Promise<void> => {
    const run = await ownRun(memberId)
    if (run !== undefined) await runs.cancel(run.id).catch(error => onTrouble(error, 'stopping the run'))
    await store.remove(memberId, at, clean)
    visitors.forget(memberId)
    channels.forget(memberId)
    if (!clean || run === undefined) return
    // It may have been writing its first lines at that moment.
    const patience = AbortSignal.any([closing.signal, AbortSignal.timeout(RUN_END_MS)])
    for await (const _snapshot of runs.watch(run.id, patience));
    if (!patience.aborted) await store.forgetRuns(memberId)
  }

  const takeTokens = async ({ memberId, grant }: PortalEvent, known: Installation, token: string): Promise<void> => {
    if (grant === undefined) return
    const proof = await visitors.prove({ memberId, ...grant })
    if ((await living(memberId)) === undefined) return
    if (known.applicationToken === null) {
      if (!proof.person.admin) return
      await store.change(memberId, { applicationToken: token })
    }
    await store.saveTokens(memberId, tokensOf(proof, grant))
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
      const proof = await visitors.prove(handshake, { anew: true })
      if (!proof.person.admin) throw adminRequired('Installing BitrixCorp')
      const installation = await create(proof, handshake)
      const steps = await bind(handshake.memberId, await channels.of(handshake.memberId, proof.person.userId))
      return { installation, person: proof.person, steps }
    },
    async open(handshake) {
      const before = await living(handshake.memberId)
      // What was believed of an installation that is gone (another process may have removed it) is asked anew.
      const proof = await visitors.prove(handshake, { anew: before === undefined })
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
      const person = await visitors.recall(memberId, userId, await channels.of(memberId, userId))
      return { installation, person }
    },
    async channel(opened) {
      const { memberId, userId } = opened
      return (await stillInstalled(opened)) === undefined ? undefined : channels.of(memberId, userId)
    },
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
      if (applicationToken !== null && !same(applicationToken, event.applicationToken)) return
      if (event.event === 'ONAPPINSTALL') return takeTokens(event, known, event.applicationToken)
      // Dated in whole seconds. What is older than this installation speaks of an earlier one, or was recorded and sent again.
      const replayed = event.at <= known.lastEventAt || (event.at + 1) * 1000 <= known.installedAt
      const invented = event.at * 1000 > clock.now() + AHEAD_MS
      if (applicationToken !== null && !replayed && !invented) await remove(event)
    },
    close() {
      closing.abort()
      channels.close()
    }
  }
}
