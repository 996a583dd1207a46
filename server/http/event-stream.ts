// Server-Sent Events over koa-sse-stream's stream class; the only importer of that package.
// Must stay true: a reader that does not read costs a bounded buffer and is dropped; every stream ends when its work or the server ends.
import { setMaxListeners } from 'node:events'
import { Transform } from 'node:stream'
import type { Context } from 'koa'
import SseTransform, { type SseMessage } from 'koa-sse-stream/lib/sse.js'
import { createTurns } from '../core/turns.ts'

export interface EventStreamOptions {
  /** A comment line after this much silence keeps proxies from cutting the stream. */
  readonly heartbeatMs?: number
  /** A reader that takes nothing for this long is dropped. */
  readonly stallMs?: number
  /** Aborts when the server stops. */
  readonly closing: AbortSignal
}

export interface ServerEvent {
  /** Absent: an unnamed `message` event. */
  readonly event?: string
  readonly id?: string
  readonly data: string
}

export interface EventStream {
  /** Resolves when there is room for the next event; false when the reader is gone. @throws when a field holds a line break */
  send(event: ServerEvent): Promise<boolean>
  /** Aborts when the reader is gone or the server stops. */
  readonly closed: AbortSignal
}

/** So many events, of all streams together, are written in one turn of the event loop: about two milliseconds' work. */
const turn = createTurns(32)

/** A line break in a field would begin a new one: it could forge events. */
const checked = ({ event, id, data }: ServerEvent): SseMessage => {
  if (/[\r\n\0]/.test(`${event ?? ''}${id ?? ''}`)) throw new Error('An event name or id holds a line break')
  return { ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }), data }
}

/** Turns the response into a stream. Return from the middleware at once; `work` runs on beside it, and its end is the stream's. */
export const streamEvents = (
  ctx: Context,
  { heartbeatMs = 15_000, stallMs = 30_000, closing }: EventStreamOptions,
  work: (stream: EventStream) => Promise<void>
): void => {
  const transform = new SseTransform(ctx)
  const gone = new AbortController()
  const unanswered = new Set<(sent: boolean) => void>()
  let stalled: NodeJS.Timeout | undefined

  const drop = (): void => {
    transform.destroy()
    ctx.res.destroy()
  }
  /** The reader has this long to take what waits for it. */
  const watchForStall = (): void => {
    stalled ??= setTimeout(drop, stallMs).unref()
  }
  const readerMoved = (): void => {
    clearTimeout(stalled)
    stalled = undefined
  }
  const end = (): void => {
    // The class overrides `end` with a flag (stack.md, section 3, defect 9).
    if (!transform.writableEnded) Reflect.apply(Transform.prototype.end, transform, [])
    clearInterval(heartbeat)
    gone.abort()
    watchForStall()
  }
  const heartbeat = setInterval(() => {
    if (transform.writableLength === 0) transform.write({ data: ':alive' })
  }, heartbeatMs).unref()
  // One listener per open stream is no leak.
  setMaxListeners(0, closing)
  closing.addEventListener('abort', end, { once: true })
  // What has left the transform may still wait in the response: only that one's end stops the watch.
  ctx.res.once('close', readerMoved)
  transform.once('close', () => {
    clearInterval(heartbeat)
    closing.removeEventListener('abort', end)
    gone.abort()
    // Node does not call back a write that was under way when the stream was destroyed.
    for (const answer of unanswered) answer(false)
  })
  // A reader that leaves makes the stream fail with ERR_STREAM_PREMATURE_CLOSE: that is an ordinary end.
  transform.on('error', () => undefined)
  ctx.status = 200
  ctx.body = transform
  if (closing.aborted) end()

  /** The callback comes when the event has left the first buffer, so at most one event waits behind what the socket holds. */
  const send = async (event: ServerEvent): Promise<boolean> => {
    const message = checked(event)
    await turn()
    return new Promise(resolve => {
      if (gone.signal.aborted) return resolve(false)
      unanswered.add(resolve)
      transform.write(message, error => {
        if (!gone.signal.aborted) readerMoved()
        unanswered.delete(resolve)
        resolve(error === null || error === undefined)
      })
      if (transform.writableLength > 0) watchForStall()
    })
  }

  work({ closed: gone.signal, send }).then(end, error => {
    ctx.app.emit('error', error, ctx)
    drop()
  })
}
