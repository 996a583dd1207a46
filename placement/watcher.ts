// Knows at any moment which run holds the portal: follows its progress, or looks for what another tab or a script began.
// Must stay true: a hidden tab holds no connection (browsers allow six to a server); a dead server is tried again with growing pauses; a stream that is held back on the way is waited for once.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { Api } from './api.ts'
import { ApiError } from './api.ts'

const LOOK_EVERY_MS = 3000
/** A stream begins with how the run is now: one that says nothing for so long is held back on the way, perhaps to its end. */
const SILENT_MS = 3000
/** How often the run is asked for where streams do not come through. */
const ASK_EVERY_MS = 2000
const ANSWER_MS = 10_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000
/** The session is over, the secret wrong: said once, and not asked again before the page is shown anew. */
const forbidden = [401, 403]

/** The pause before the next attempt, in ms. */
export const pauseAfter = (failures: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1))

export interface WatcherDeps {
  readonly api: Pick<Api, 'latestRun' | 'run' | 'progress'>
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
  /** False behind a proxy that holds them back. */
  let streamsArrive = true

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

  /** A connection that is given up when nothing comes within `ms`. */
  const connect = (ms: number) => {
    const own = new AbortController()
    connection = own
    const call = { signal: own.signal, silent: false, answered: () => clearTimeout(timer) }
    const timer = setTimeout(() => {
      call.silent = true
      own.abort()
    }, ms)
    return call
  }
  const follow = async (runId: string): Promise<void> => {
    const stream = connect(SILENT_MS)
    try {
      for await (const run of api.progress(runId, stream.signal)) {
        stream.answered()
        answered()
        accept(run)
        if (following === null) return
      }
    } catch (error) {
      if (!stream.silent) throw error
      streamsArrive = false
      return
    } finally {
      stream.answered()
    }
    throw new ApiError(0, 'NETWORK', 'The stream ended before the run did')
  }
  const ask = async (runId: string): Promise<void> => {
    const call = connect(ANSWER_MS)
    const run = await api.run(runId, call.signal).finally(call.answered)
    answered()
    // Another one may have been attached in the meantime.
    if (following === runId) accept(run)
    if (following === runId) await pause(ASK_EVERY_MS)
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
    else {
      // What comes after may be another server, behind another proxy.
      streamsArrive = true
      // One lost connection is ordinary (a sleeping computer, a restarted proxy).
      if (failures > 1) connected(false)
    }
    await pause(forbidden.includes(known.status) ? null : pauseAfter(failures))
  }
  const watch = async (): Promise<never> => {
    for (;;) {
      if (isHidden()) await pause(null)
      else if (following === null) await look().catch(fail)
      else await (streamsArrive ? follow(following) : ask(following)).catch(fail)
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
