// Equal reads of a portal's records, by the same person, are one.
// Must stay true: of equal reads one is under way at a time; nobody gets what was read before he asked; a read ends with its last reader.
import { type Channel, READ_PATIENCE_MS } from './channel.ts'
import type { Clock } from './clock.ts'
import type { EntityName } from './entities.ts'
import { portalSlow, visitorLeft } from './errors.ts'
import type { PageRequest, RecordItems, RecordsPage, readRecords } from './records.ts'

/** `visitor`: aborts when he leaves. @throws {PortalFailure}, {AppError} PORTAL_SLOW, VISITOR_LEFT */
export type ReadRecords = <E extends EntityName>(
  channel: Channel,
  entity: E,
  page: PageRequest,
  visitor?: AbortSignal
) => Promise<RecordsPage<RecordItems[E]>>

/** One read, for all who wait for it. */
interface SharedRead {
  readers: number
  readonly stop: AbortController
  readonly result: Promise<unknown>
  /** Resolves when it is read, or nobody wants it any more. */
  readonly over: Promise<unknown>
}

/** `before`: an equal read that is under way. */
const begin = (
  read: (visit: { readonly signal: AbortSignal; readonly until: number }) => Promise<unknown>,
  before: SharedRead | undefined,
  clock: Clock
): SharedRead => {
  const stop = new AbortController()
  const until = clock.steady() + READ_PATIENCE_MS
  const turn = async (): Promise<void> => {
    const found = new AbortController()
    const late = clock.sleep(READ_PATIENCE_MS, AbortSignal.any([stop.signal, found.signal])).then(() => {
      throw portalSlow()
    })
    await Promise.race([before?.over, late]).finally(() => found.abort())
    stop.signal.throwIfAborted()
  }
  const result = (async () => {
    if (before !== undefined) await turn()
    return read({ signal: stop.signal, until })
  })()
  const over = new Promise<unknown>(resolve => {
    result.then(resolve, resolve)
    stop.signal.addEventListener('abort', resolve, { once: true })
  })
  return { readers: 0, stop, result, over }
}

/** Rejects when the visitor leaves. `settled`: nobody needs to know any more. */
const leaving = (visitor: AbortSignal, settled: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const leave = (): void => reject(visitorLeft())
    if (visitor.aborted) leave()
    else visitor.addEventListener('abort', leave, { once: true, signal: settled })
  })

/** The same reads, shared: whoever asks for what is being read shares the next read of it with all who come meanwhile. */
export const shareReads = (read: typeof readRecords, clock: Clock): ReadRecords => {
  /** By what is asked for: the read that is under way, and the next one. */
  const channels = new WeakMap<Channel, Map<string, SharedRead[]>>()

  const readsOf = (channel: Channel): Map<string, SharedRead[]> => {
    const known = channels.get(channel) ?? new Map<string, SharedRead[]>()
    channels.set(channel, known)
    return known
  }

  return async <E extends EntityName>(channel: Channel, entity: E, page: PageRequest, visitor?: AbortSignal) => {
    const reads = readsOf(channel)
    const key = JSON.stringify([entity, page.order, page.after, page.limit])
    const equal = reads.get(key) ?? []
    reads.set(key, equal)
    const remove = (gone: SharedRead): void => {
      if (equal.includes(gone)) equal.splice(equal.indexOf(gone), 1)
      if (equal.length === 0 && reads.get(key) === equal) reads.delete(key)
    }
    let shared = equal[1]
    if (shared === undefined) {
      const made = begin(visit => read(channel, entity, page, visit), equal[0], clock)
      equal.push(made)
      void made.over.then(() => remove(made))
      shared = made
    }
    shared.readers += 1
    const settled = new AbortController()
    try {
      const result = shared.result as Promise<RecordsPage<RecordItems[E]>> // the key names the entity
      return await (visitor === undefined ? result : Promise.race([result, leaving(visitor, settled.signal)]))
    } finally {
      settled.abort()
      shared.readers -= 1
      if (shared.readers === 0) {
        remove(shared)
        shared.stop.abort(visitorLeft())
      }
    }
  }
}
