// The wrapper of koa-sse-stream, through real HTTP: order, heartbeat, readers that leave or do not read, a clean end.
// Must stay true: no test waits for a fixed time; each waits for what it expects.
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import Koa from 'koa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type EventStream, type EventStreamOptions, streamEvents } from '../../server/http/event-stream.ts'

interface Served {
  readonly origin: string
  readonly port: number
  readonly closing: AbortController
  readonly errors: unknown[]
  /** Resolves when the server has closed its first connection. */
  readonly disconnected: Promise<void>
}

const serve = async (
  work: (stream: EventStream) => Promise<void>,
  options: Omit<EventStreamOptions, 'closing'> = {}
): Promise<Served> => {
  const closing = new AbortController()
  const errors: unknown[] = []
  const app = new Koa()
  app.on('error', error => errors.push(error))
  app.use(ctx => streamEvents(ctx, { ...options, closing: closing.signal }, work))
  const server = app.listen(0, '127.0.0.1')
  const disconnected = new Promise<void>(resolve => {
    server.once('connection', socket => socket.once('close', () => resolve()))
  })
  await new Promise(resolve => server.once('listening', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo // TCP
  return { origin: `http://127.0.0.1:${port}`, port, closing, errors, disconnected }
}

const parse = (text: string): EventSourceMessage[] => {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: event => events.push(event) }).feed(text)
  return events
}
const until = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
/** A reader that asks and then does not read. */
const openDeaf = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.pause()
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      resolve(socket)
    })
    socket.on('error', reject)
    onTestFinished(() => {
      socket.destroy()
    })
  })

test('sends events in order, whole, and ends with its work', async () => {
  const texts = ['1', '{"name":"<script>\\n\\"}{{7*7}}"}', 'две\nстроки', '‮right-to-left', 'x'.repeat(200_000)]
  const { origin } = await serve(async ({ send }) => {
    for (const [index, data] of texts.entries()) {
      expect(await send({ ...(index === 2 ? { event: 'progress' } : {}), id: `run.${index}`, data })).toBe(true)
    }
  })
  const response = await fetch(origin)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('cache-control')).toContain('no-transform')
  const events = parse(await response.text())
  expect(events.map(({ data }) => data)).toEqual(texts)
  expect(events.map(({ id }) => id)).toEqual(texts.map((_, index) => `run.${index}`))
  expect(events.map(({ event }) => event)).toEqual([undefined, undefined, 'progress', undefined, undefined])
})

test('refuses line breaks in names and ids, which could forge events', async () => {
  for (const forged of [{ event: 'a\ndata: forged' }, { id: '1\rdata: forged' }, { id: '1\u0000' }]) {
    const { origin, errors } = await serve(async ({ send }) => {
      await send({ ...forged, data: 'x' })
    })
    const text = await fetch(origin).then(
      response => response.text().catch(() => ''),
      () => ''
    )
    expect(text).not.toContain('forged')
    expect(String(errors[0])).toContain('line break')
  }
})

test('keeps a silent stream alive with comments', async () => {
  const { origin, closing } = await serve(({ closed }) => until(closed), { heartbeatMs: 5 })
  const response = await fetch(origin)
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk)
    if (text.split(': alive').length > 3) closing.abort()
  }
  expect(text).toContain(': alive\n\n: alive\n\n')
  expect(parse(text)).toEqual([])
})

test('tells the work that its reader has left', async () => {
  let left: (() => void) | undefined
  const told = new Promise<void>(resolve => {
    left = resolve
  })
  const { origin } = await serve(async ({ send, closed }) => {
    await send({ data: '0' })
    await until(closed)
    expect(await send({ data: '1' })).toBe(false)
    left?.()
  })
  const controller = new AbortController()
  const response = await fetch(origin, { signal: controller.signal })
  await response.body?.getReader().read()
  controller.abort()
  await told
})

describe('a reader that does not read', () => {
  test('stops the work from piling up events, and is dropped', async () => {
    let accepted = 0
    let dropped: ((value: boolean) => void) | undefined
    const gone = new Promise<boolean>(resolve => {
      dropped = resolve
    })
    const data = 'x'.repeat(64 * 1024)
    const { port } = await serve(
      async ({ send, closed }) => {
        while (accepted < 10_000 && (await send({ data }))) accepted += 1
        dropped?.(closed.aborted)
      },
      { stallMs: 200 }
    )
    await openDeaf(port)
    expect(await gone).toBe(true)
    // Bounded by what the two sockets hold (a few megabytes), not by the 640 MB that wanted to go.
    expect(accepted * data.length).toBeLessThan(64 * 1024 * 1024)
  })

  test('is dropped also when the last event was sent', async () => {
    const size = 32 * 1024 * 1024
    const { port, disconnected } = await serve(
      async ({ send }) => {
        send({ data: 'x'.repeat(size) }).catch(() => undefined)
      },
      { stallMs: 100 }
    )
    const socket = await openDeaf(port)
    await disconnected
    expect(socket.bytesRead).toBeLessThan(size)
  })
})

test('200 readers each get every event, and all end when the server stops', async () => {
  const { origin, closing, errors } = await serve(async ({ send, closed }) => {
    for (let percent = 0; percent <= 100; percent += 1) await send({ id: `run.${percent}`, data: String(percent) })
    await until(closed)
  })
  let complete = 0
  const texts = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const response = await fetch(origin)
      const decoder = new TextDecoder()
      let text = ''
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true })
        if (text.endsWith('data: 100\n\n')) complete += 1
        if (complete === 200) closing.abort()
      }
      return text
    })
  )
  const all = Array.from({ length: 101 }, (_, percent) => String(percent))
  for (const text of texts) expect(parse(text).map(({ data }) => data)).toEqual(all)
  expect(errors).toEqual([])
})

test('ends at once when the server is stopping already', async () => {
  const { origin, closing } = await serve(async ({ send }) => {
    expect(await send({ data: '0' })).toBe(false)
  })
  closing.abort()
  expect(parse(await (await fetch(origin)).text())).toEqual([])
})
