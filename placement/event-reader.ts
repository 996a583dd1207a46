// Reads server-sent events from a fetched body: EventSource could not send the secret in a header.
// Must stay true: a stream that has gone silent is an error, because a dead connection may never say so.
import { createParser } from 'eventsource-parser'

/** The server sends a heartbeat every 15 s. */
const SILENCE_MS = 40_000

/** The data of each event. @throws when the connection breaks or falls silent */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const waiting: string[] = []
  const parser = createParser({ onEvent: ({ data }) => waiting.push(data) })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  const read = async () => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const silent = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('The stream has fallen silent')), SILENCE_MS)
    })
    return Promise.race([reader.read(), silent]).finally(() => clearTimeout(timer))
  }
  try {
    for (;;) {
      const { done, value } = await read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      yield* waiting.splice(0)
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
