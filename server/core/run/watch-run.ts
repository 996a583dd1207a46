// A run as its watchers see it: live where it is driven here, from the journal where another process drives it.
// Must stay true: the newest snapshot, never an older one again; the final one comes last.
import type { Clock } from '../clock.ts'
import type { Journal } from './journal.ts'
import type { LiveRun } from './live-run.ts'
import type { RunSnapshot } from './run.ts'

/** How often a run of another process is looked at. */
const LOOK_EVERY_MS = 500

/** `liveRun`: the run, while it is driven in this process. Ends after the final snapshot, or when `signal` aborts. */
export async function* watchRun(
  { journal, clock }: { readonly journal: Journal; readonly clock: Clock },
  liveRun: (runId: string) => LiveRun | undefined,
  runId: string,
  signal: AbortSignal
): AsyncGenerator<RunSnapshot> {
  let live: LiveRun | undefined
  for (let last: RunSnapshot | undefined; !signal.aborted; ) {
    // Once the run has ended, its last snapshot is still there: a thousand watchers need not ask the journal for it.
    live ??= liveRun(runId)
    const snapshot = live === undefined ? (await journal.find(runId))?.snapshot : await live.newer(last, signal)
    if (snapshot === undefined || signal.aborted) return
    if (snapshot !== last) yield snapshot
    if (snapshot.status !== 'running') return
    last = snapshot
    if (live === undefined) await clock.sleep(LOOK_EVERY_MS, signal)
    else if (live.ended()) live = undefined
  }
}
