// A run's progress as server-sent events, in the two forms of the contract: whole percents, and snapshots.
// Must stay true: closing a stream never touches the run; a percent is sent once and never goes down.
import type { Context } from 'koa'
import type { RunSnapshot } from '../core/run/run.ts'
import type { Runs } from '../core/run/runs.ts'
import { type EventStream, streamEvents } from './event-stream.ts'

/** The id of a `busy` event: who comes back with it was refused, and is refused for good. */
export const BUSY_ID = 'busy'

const texts = new WeakMap<RunSnapshot, string>()
/** A snapshot as JSON: written once, however many read along. */
const textOf = (snapshot: RunSnapshot): string => {
  const text = texts.get(snapshot) ?? JSON.stringify(snapshot)
  texts.set(snapshot, text)
  return text
}

/** A cancelled run has ended as asked, so it is `done`; `failed` and `interrupted` are not what was asked for. */
const finalEvent = ({ status }: RunSnapshot): 'done' | 'failed' =>
  status === 'failed' || status === 'interrupted' ? 'failed' : 'done'

const sendPercents = async (runs: Runs, runId: string, stream: EventStream): Promise<void> => {
  let sent = -1
  for await (const snapshot of runs.watch(runId, stream.closed)) {
    const id = `${runId}.${snapshot.percent}`
    if (snapshot.percent > sent) {
      sent = snapshot.percent
      if (!(await stream.send({ id, data: String(sent) }))) return
    }
    if (snapshot.status !== 'running') {
      await stream.send({ event: finalEvent(snapshot), id, data: textOf(snapshot) })
    }
  }
}

/** Unnamed events with the whole percent, then `done` or `failed` with the snapshot. Each event's id names the run. */
export const streamPercents = (ctx: Context, runs: Runs, runId: string, closing: AbortSignal): void =>
  streamEvents(ctx, { closing }, stream => sendPercents(runs, runId, stream))

/** `event: progress` with each snapshot, the current one first; then `event: done`. */
export const streamSnapshots = (ctx: Context, runs: Runs, runId: string, closing: AbortSignal): void =>
  streamEvents(ctx, { closing }, async stream => {
    for await (const snapshot of runs.watch(runId, stream.closed)) {
      const data = textOf(snapshot)
      if (!(await stream.send({ event: 'progress', data }))) return
      if (snapshot.status !== 'running') await stream.send({ event: 'done', data })
    }
  })

/** `event: busy`, then the end. */
export const streamBusy = (ctx: Context, closing: AbortSignal, body: unknown): void =>
  streamEvents(ctx, { closing }, async stream => {
    await stream.send({ event: 'busy', id: BUSY_ID, data: JSON.stringify(body) })
  })
