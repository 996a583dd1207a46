// Counts the portal once more when nothing that a run has sent can be at work any longer: a delivery that hung may have been carried out since.
// Must stay true: it reads without holding the portal up, and corrects only while no run has it; a run that goes on makes its recount void.
import type { Channel } from '../channel.ts'
import { AppError } from '../errors.ts'
import { PortalFailure } from '../portal.ts'
import { type AttemptDeps, prepareAttempt } from './attempt.ts'
import type { Driver } from './driving.ts'
import { applyRunEvent, notLive, toSnapshot } from './fold.ts'
import { LeaseLost } from './journal.ts'
import type { RunRecord } from './run.ts'

/** A recount that another process may be about to make is left to it for so many longest requests. */
const ANOTHERS = 3
/** So often it is tried again where the portal does not answer or has another run. */
const TRIES = 5

export interface Recounts {
  /** A create run has ended: in this process, or, `found`, in another one. */
  plan(run: RunRecord, channel: Channel, found?: 'found'): void
  isPlanned(runId: string): boolean
  /** Plans no more, and lets the one that is at work write what it has done. */
  stop(): void
}

export const createRecounts = (
  deps: AttemptDeps & { readonly driver: Driver; readonly onCrash: (error: unknown) => void }
): Recounts => {
  const { journal, clock, requestSeconds, driver } = deps
  const planned = new Map<string, AbortController>()

  const endOf = async (runId: string): Promise<string | null> => {
    const snapshot = (await journal.find(runId))?.snapshot
    return snapshot === undefined || snapshot.status === 'running' ? null : snapshot.finishedAt
  }

  /** True when it is done with. */
  const recount = async (run: RunRecord, channel: Channel): Promise<boolean> => {
    const ended = await endOf(run.id)
    if (ended === null || driver.activeAt(run.portalId) !== undefined) return ended === null
    const { mission, state } = await prepareAttempt(deps, run, channel, {})
    const correct = await mission.recount()
    if (correct === null) {
      await journal.recounted(run.id)
      return true
    }
    return driver.alone(run.portalId, async (lease, confirm) => {
      // Somebody has gone on with it since: then its own end plans another one.
      if ((await endOf(run.id)) !== ended) return
      const events = await correct(confirm)
      const { id, startedAt, startedBy } = run
      const next = events.reduce(applyRunEvent, state)
      const told = { id, startedAt, portal: run.snapshot.portal, startedBy: startedBy.name }
      await journal.append(lease, id, events, toSnapshot(next, told, notLive))
      await journal.recounted(id)
    })
  }

  const pursue = async (run: RunRecord, channel: Channel, over: AbortController, waitMs: number): Promise<void> => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      await clock.sleep(tries === 0 ? waitMs : requestSeconds * 1000, over.signal)
      if (over.signal.aborted) return
      try {
        if (await recount(run, channel)) return
      } catch (error) {
        // The portal or the storage does not answer now, or another process has the portal.
        if (!(error instanceof PortalFailure || error instanceof AppError || error instanceof LeaseLost)) throw error
      }
    }
  }

  return {
    plan(run, channel, found) {
      if (driver.stopping() || planned.has(run.id)) return
      const waitMs = requestSeconds * 1000 * (found === undefined ? 1 : ANOTHERS)
      const over = new AbortController()
      planned.set(run.id, over)
      const pursuit = pursue(run, channel, over, waitMs).finally(() => planned.delete(run.id))
      driver.remember(pursuit)
      pursuit.catch(deps.onCrash)
    },
    isPlanned: runId => planned.has(runId),
    stop() {
      for (const over of planned.values()) over.abort()
    }
  }
}
