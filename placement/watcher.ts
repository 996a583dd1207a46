// Knows at any moment which run holds the portal: follows its progress, or looks for what another tab or a script began.
// Must stay true: a hidden tab holds no connection (browsers allow six to a server); a dead server is tried again with growing pauses.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { Api } from './api.ts'
import { ApiError } from './api.ts'

const LOOK_EVERY_MS = 3000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000
/** The session is over, the secret wrong: said once, and not asked again before the page is shown anew. */
const forbidden = [401, 403]

/** The pause before the next attempt, in ms. */
export const pauseAfter = (failures: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1))

export interface WatcherDeps {
  readonly api: Pick<Api, 'latestRun' | 'progress'>
  /** Each newer state of the run, also of one that began and ended between two looks; null when the run that was followed does not exist any more. */
  readonly show: (run: RunSnapshot | null) => void
  readonly connected: (connected: boolean) => void
  /** An answer that waiting will not change, for example a wrong secret. */
  readonly refused: (error: ApiError) => void
  readonly isHidden: () => boolean
}

export interface Watcher {
  /** Takes over a run that was just started or found. */
  attach(run: RunSnapshot): void
  /** Looks at once. */
  look(): void
  /** The page was hidden or shown. */
  visibilityChanged(): void
}

/** When it ended, or as long as it has not, began: ISO 8601. */
const changedAt = ({ startedAt, finishedAt }: RunSnapshot): string => finishedAt ?? startedAt

/** Watches for as long as the page lives. @param opening the latest run when the page was rendered */
export const startWatcher = (deps: WatcherDeps, opening: RunSnapshot | null): Watcher => {
  const { api, show, connected, refused, isHidden } = deps
  let latest = opening
  let following = opening?.status === 'running' ? opening.id : null
  let connection = new AbortController()
  let wake = (): void => undefined
  let failures = 0

  const pause = (ms: number | null): Promise<void> =>
    new Promise(resolve => {
      const timer = ms === null ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const answered = (): void => {
    failures = 0
    connected(true)
  }
  const accept = (run: RunSnapshot): void => {
    latest = run
    following = run.status === 'running' ? run.id : null
    show(run)
  }

  const follow = async (runId: string): Promise<void> => {
    connection = new AbortController()
    for await (const run of api.progress(runId, connection.signal)) {
      answered()
      accept(run)
      if (following === null) return
    }
    throw new ApiError(0, 'NETWORK', 'The stream ended before the run did')
  }
  const look = async (): Promise<void> => {
    const run = await api.latestRun()
    answered()
    const news = run !== null && (run.status === 'running' || latest === null || changedAt(run) > changedAt(latest))
    // A run that was attached in the meantime is newer than this answer.
    if (following === null && news) accept(run)
    if (following === null) await pause(LOOK_EVERY_MS)
  }
  const fail = async (error: unknown): Promise<void> => {
    if (connection.signal.aborted && isHidden()) return
    const known = error instanceof ApiError ? error : new ApiError(0, 'NETWORK', String(error))
    if (known.status === 404 && following !== null) {
      following = null
      show(null)
      return
    }
    failures += 1
    const answer = known.status !== 0 && known.status < 500
    if (answer) refused(known)
    // One lost connection is ordinary (a sleeping computer, a restarted proxy).
    else if (failures > 1) connected(false)
    await pause(forbidden.includes(known.status) ? null : pauseAfter(failures))
  }
  const watch = async (): Promise<never> => {
    for (;;) {
      if (isHidden()) await pause(null)
      else await (following === null ? look() : follow(following)).catch(fail)
    }
  }
  void watch()

  return {
    attach(run) {
      accept(run)
      wake()
    },
    look: () => wake(),
    visibilityChanged() {
      if (isHidden()) connection.abort()
      else wake()
    }
  }
}
