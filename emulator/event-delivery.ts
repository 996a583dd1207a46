// Sends events to handlers as Bitrix24's queue servers do: form-encoded, later, once (protocol.md, 5.4).
// Must stay true: a failed delivery is never repeated; what a handler answers is ignored; closing cancels what waits.
import { setTimeout as wait } from 'node:timers/promises'
import { asThisPortalSends } from './form-fields.ts'
import type { PhpParams } from './method.ts'
import type { EventSettings, PortalSettings } from './settings.ts'

/** One request to a handler. */
export interface Delivery {
  readonly event: string
  readonly handler: string
  /** As sent. */
  readonly body: string
  /** The handler's answer, or undefined while under way and after a failure. */
  readonly status: number | undefined
  readonly failure: string | undefined
}

/** How long a handler may take. */
const PATIENCE_MS = 10_000

/** `fields`: what this portal leaves out, or sends empty. */
export function createEventDelivery(settings: () => EventSettings, fields: () => PortalSettings['formFields']) {
  const deliveries: { -readonly [field in keyof Delivery]: Delivery[field] }[] = []
  const running = new Set<Promise<void>>()
  const closing = new AbortController()

  const sendOne = async (delivery: (typeof deliveries)[number]): Promise<void> => {
    try {
      const response = await fetch(delivery.handler, {
        method: 'POST',
        body: delivery.body,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'User-Agent': 'Bitrix24 Webhook Engine' },
        redirect: 'manual',
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(PATIENCE_MS)])
      })
      await response.arrayBuffer()
      delivery.status = response.status
    } catch (cause) {
      delivery.failure = cause instanceof Error ? String(cause.cause ?? cause.message) : String(cause)
    }
  }
  const later = async (event: string, handler: string, body: string): Promise<Delivery[]> => {
    const { delayMs, copies } = settings()
    if (delayMs > 0) await wait(delayMs, undefined, { signal: closing.signal, ref: false })
    const sent: Delivery[] = []
    for (let copy = 0; copy < copies; copy += 1) {
      const delivery = { event, handler, body, status: undefined, failure: undefined }
      deliveries.push(delivery)
      sent.push(delivery)
      await sendOne(delivery)
    }
    return sent
  }
  return {
    /** Every request so far, in the order of sending. */
    deliveries: deliveries as readonly Delivery[],
    /** Queues an event for one handler; resolves with its requests when they are over (none when the portal closes). */
    send(event: string, handler: string, news: PhpParams): Promise<Delivery[]> {
      const form = asThisPortalSends([...new URLSearchParams(encodeForm(news))], fields())
      const work = later(event, handler, new URLSearchParams(form).toString()).catch((cause: unknown) => {
        if (closing.signal.aborted) return []
        throw cause
      })
      const done = work.then(() => {
        running.delete(done)
      })
      running.add(done)
      return work
    },
    /** Resolves when nothing waits and nothing is under way. */
    async settled(): Promise<void> {
      while (running.size > 0) await Promise.all(running)
    },
    close: () => closing.abort()
  }
}

/** PHP's http_build_query: `{data: {A: 1}}` → `data%5BA%5D=1`. Undefined members are left out. */
export function encodeForm(fields: PhpParams): string {
  const form = new URLSearchParams()
  const add = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return
    if (typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) add(`${name}[${key}]`, inner)
    } else form.append(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value))
  }
  for (const [name, value] of Object.entries(fields)) add(name, value)
  return form.toString()
}

export type EventDelivery = ReturnType<typeof createEventDelivery>
