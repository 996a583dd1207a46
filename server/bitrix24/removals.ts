// The end of an installation: which ONAPPUNINSTALL is believed, and what goes with it.
// Must stay true: only one that proves itself, or that the portal confirms, ends anything; nothing is refused because of our own clock.
import type { PortalEvent } from '../core/application.ts'
import type { Clock } from '../core/clock.ts'
import { removalRefused } from '../core/errors.ts'
import type { Installation, InstallationStore } from '../core/installation.ts'
import type { RunSnapshot } from '../core/run/run.ts'
import type { Runs } from '../core/run/runs.ts'
import type { createChannels } from './channels.ts'
import { type createVisitors, isLostAccess } from './visitors.ts'

export interface RemovalsDeps {
  readonly store: InstallationStore
  readonly channels: ReturnType<typeof createChannels>
  readonly visitors: ReturnType<typeof createVisitors>
  readonly clock: Clock
  readonly runs: Pick<Runs, 'active' | 'find' | 'cancel' | 'watch'>
  /** Something did not work that must not stop a page or an event. */
  readonly onTrouble: (error: unknown, what: string) => void
  readonly closing: AbortSignal
}

/** An event from further ahead would make every later one look like a replay. */
const AHEAD_MS = 24 * 3_600_000
/** Longer than any run needs to settle what was in flight. */
const RUN_END_MS = 10 * 60_000
/**
 * When the portal is asked whether the application is still there, after a removal that does not prove itself. The event leaves
 * before the tokens end, so the first answers may come too early.
 */
const ASK_AFTER_MS = [0, 2000, 10_000, 60_000, 300_000]
/** So many people speak for a portal: one of them may have lost nothing but their own access. */
const WITNESSES = 5

/** What a portal says of the application: `portalNow` is its clock, unix ms, where it told. */
type Presence =
  | { readonly is: 'there'; readonly portalNow: number | undefined }
  | { readonly is: 'gone' }
  | { readonly is: 'unknown' }

/** A removal that is not believed as it came. */
interface Doubt {
  readonly event: PortalEvent
  /** Its application token is the right one. */
  readonly proven: boolean
}

export const createRemovals = (deps: RemovalsDeps) => {
  const { store, channels, visitors, clock, runs, onTrouble, closing } = deps
  const doubts = new Map<string, Doubt>()

  /** The run that one of its people has started; a webhook's page of the same portal is not its concern. */
  const ownRun = async (memberId: string): Promise<RunSnapshot | undefined> => {
    const run = await runs.active(memberId)
    const found = run && (await runs.find(run.id))
    return found === undefined || found.record.startedBy.userId === null ? undefined : run
  }

  const remove = async ({ memberId, lastEventAt }: Installation, { event, proven }: Doubt): Promise<void> => {
    const clean = event.clean && proven
    const run = await ownRun(memberId)
    if (run !== undefined) await runs.cancel(run.id).catch(error => onTrouble(error, 'stopping the run'))
    await store.remove(memberId, event.at ?? lastEventAt, clean)
    visitors.forget(memberId)
    channels.forget(memberId)
    if (!clean || run === undefined) return
    // It may have been writing its first lines at that moment.
    const patience = AbortSignal.any([closing, AbortSignal.timeout(RUN_END_MS)])
    for await (const _snapshot of runs.watch(run.id, patience));
    if (!patience.aborted) await store.forgetRuns(memberId)
  }

  /** Dated in whole seconds. What is older than this installation speaks of an earlier one, or was recorded and sent again. */
  const isReplay = (at: number, { lastEventAt, installedAt }: Installation): boolean =>
    at <= lastEventAt || (at + 1) * 1000 <= installedAt
  /** `now`: unix ms. */
  const isInvented = (at: number, now: number): boolean => at * 1000 > now + AHEAD_MS

  const presenceOf = async (memberId: string): Promise<Presence> => {
    let refused = 0
    for (const userId of (await store.people(memberId)).slice(0, WITNESSES)) {
      try {
        const { portalNow } = await visitors.ask(memberId, userId, await channels.of(memberId, userId))
        return { is: 'there', portalNow }
      } catch (error) {
        if (!isLostAccess(error)) return { is: 'unknown' }
        refused += 1
      }
    }
    return { is: refused === 0 ? 'unknown' : 'gone' }
  }

  /** Whether the portal's answer makes a removal true that did not prove itself. */
  const confirms = (presence: Presence, { event: { at }, proven }: Doubt, known: Installation): boolean => {
    if (presence.is !== 'there') return presence.is === 'gone'
    // By the portal's own clock, which dated the event and the installation.
    const { portalNow } = presence
    return proven && at !== undefined && portalNow !== undefined && !isReplay(at, known) && !isInvented(at, portalNow)
  }

  /** Asks the portal, several times, as long as the installation is the same. */
  const askAbout = async (memberId: string, installedAt: number): Promise<void> => {
    let told = false
    for (const pause of ASK_AFTER_MS) {
      await clock.sleep(pause, closing)
      const known = await store.find(memberId)
      const doubt = doubts.get(memberId)
      if (closing.aborted || doubt === undefined) return
      if (known?.status === 'deleted' || known?.installedAt !== installedAt) return
      const presence = await presenceOf(memberId)
      if (confirms(presence, doubt, known)) return remove(known, doubt)
      if (!told) onTrouble(removalRefused(doubt.proven, presence.is === 'there'), 'removing an installation')
      told = true
    }
  }

  /** One portal is asked by one event at a time, whatever is sent: the last that is proven counts. */
  const lookInto = async (known: Installation, doubt: Doubt): Promise<void> => {
    const { memberId, installedAt } = known
    const waiting = doubts.get(memberId)
    if (waiting === undefined || doubt.proven || !waiting.proven) doubts.set(memberId, doubt)
    if (waiting !== undefined) return
    try {
      await askAbout(memberId, installedAt)
    } finally {
      doubts.delete(memberId)
    }
  }

  return {
    /** A removal of an installation that lives. `proven`: its application token is the right one. */
    receive(event: PortalEvent, known: Installation, proven: boolean): Promise<void> {
      const { at } = event
      const doubt = { event, proven }
      const isDated = at !== undefined && !isReplay(at, known) && !isInvented(at, clock.now())
      return proven && isDated ? remove(known, doubt) : lookInto(known, doubt)
    }
  }
}
