// A reader of event streams over real HTTP, as curl or an EventSource reads them.
// Must stay true: hands out what came, in order and whole; leaving early closes the connection.
import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** Everything that a stream sends, as it comes. @throws when the answer is no stream */
export async function* eventsOf(
  url: string,
  headers: Readonly<Record<string, string>> = {}
): AsyncGenerator<EventSourceMessage> {
  const controller = new AbortController()
  try {
    const response = await fetch(url, { headers, signal: controller.signal })
    if (response.headers.get('content-type') !== 'text/event-stream') {
      throw new Error(`No stream: ${response.status} ${await response.text()}`)
    }
    const ready: EventSourceMessage[] = []
    const parser = createParser({ onEvent: event => ready.push(event) })
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      parser.feed(decoder.decode(chunk, { stream: true }))
      yield* ready.splice(0)
    }
  } finally {
    controller.abort()
  }
}

/** What is left of a stream, to its end. */
export const drain = async (events: AsyncIterable<EventSourceMessage>): Promise<EventSourceMessage[]> => {
  const all: EventSourceMessage[] = []
  for await (const event of events) all.push(event)
  return all
}

/** A stream from beginning to end. */
export const readEvents = (url: string, headers?: Readonly<Record<string, string>>): Promise<EventSourceMessage[]> =>
  drain(eventsOf(url, headers))
