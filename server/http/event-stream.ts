// Server-Sent Events over koa-sse-stream's stream class; the only importer of that package.
// Must stay true: a reader that does not read costs a bounded buffer and is dropped; every stream ends when the server stops.
import type { Context } from 'koa'
import SseTransform, { type SseMessage } from 'koa-sse-stream/lib/sse.js'

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
  /** Resolves when there is room for the next event; false when the reader is gone. */
  send(event: ServerEvent): Promise<boolean>
  /** Sends a last event and ends the stream. */
  finish(event: ServerEvent): void
  /** Aborts when the reader is gone or the server stops. */
  readonly closed: AbortSignal
}

/** A line break in a field would begin a new one: it could forge events. */
const checked = ({ event, id, data }: ServerEvent): SseMessage => {
  if (/[\r\n]/.test(`${event ?? ''}${id ?? ''}`)) throw new Error('An event name or id holds a line break')
  return { ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }), data }
}

/** Turns the response into a stream. Return from the middleware at once; `work` runs on beside it. */
export const streamEvents = (
  ctx: Context,
  { heartbeatMs = 15_000, stallMs = 30_000, closing }: EventStreamOptions,
  work: (stream: EventStream) => Promise<void>
): void => {
  const transform = new SseTransform(ctx)
  const gone = new AbortController()
  const stop = (): void => {
    transform.destroy()
  }
  const heartbeat = setInterval(() => {
    if (!transform.writableNeedDrain) transform.send(':alive')
  }, heartbeatMs)
  heartbeat.unref()
  closing.addEventListener('abort', stop, { once: true })
  transform.once('close', () => {
    clearInterval(heartbeat)
    closing.removeEventListener('abort', stop)
    gone.abort()
  })
  // A reader that leaves makes the stream fail with ERR_STREAM_PREMATURE_CLOSE: that is an ordinary end.
  transform.on('error', () => undefined)
  ctx.status = 200
  ctx.body = transform
  if (closing.aborted) stop()

  const drained = (): Promise<void> =>
    new Promise(resolve => {
      const timer = setTimeout(stop, stallMs)
      timer.unref()
      const done = (): void => {
        clearTimeout(timer)
        transform.off('drain', done)
        gone.signal.removeEventListener('abort', done)
        resolve()
      }
      transform.on('drain', done)
      gone.signal.addEventListener('abort', done)
    })

  work({
    closed: gone.signal,
    async send(event) {
      if (gone.signal.aborted) return false
      transform.send(checked(event))
      if (transform.writableNeedDrain) await drained()
      return !gone.signal.aborted
    },
    finish(event) {
      if (!gone.signal.aborted) transform.sendEnd(checked(event))
    }
  }).catch(error => {
    ctx.app.emit('error', error, ctx)
    stop()
  })
}
