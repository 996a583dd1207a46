// The benchmark's portal, as the bench sees it: a child process that answers orders.
// Must stay true: one order at a time; the process ends with the bench.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { EmulatedPortalOptions } from '../emulator/emulated-portal.ts'
import type { Order } from './portal-process.ts'

export interface PortalStats {
  readonly companies: number
  readonly contacts: number
  readonly requests: number
  /** 503 answers. */
  readonly refused: number
  /** Commands refused for their operating time. */
  readonly limited: number
}

export interface BenchPortal {
  open(options: EmulatedPortalOptions): Promise<string>
  seed(companies: number, contacts: number): Promise<void>
  empty(): Promise<void>
  /** Takes every tenth record of each entity away. */
  thin(): Promise<void>
  reset(): Promise<void>
  stats(): Promise<PortalStats>
  closePortal(): Promise<void>
  end(): void
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never

export const startPortalProcess = (): BenchPortal => {
  const child = fork(fileURLToPath(new URL('portal-process.js', import.meta.url)))
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  let last = 0
  child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
    if (error === undefined) waiting.get(id)?.resolve(result)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`The portal's process has ended (${signal ?? code})`))
  })
  const ask = (order: WithoutId<Order>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      child.send({ ...order, id: last }, error => {
        if (error !== null) reject(error)
      })
    })
  return {
    open: async options => String(await ask({ do: 'open', options })),
    seed: async (companies, contacts) => void (await ask({ do: 'seed', companies, contacts })),
    empty: async () => void (await ask({ do: 'empty' })),
    thin: async () => void (await ask({ do: 'thin' })),
    reset: async () => void (await ask({ do: 'reset' })),
    stats: async () => (await ask({ do: 'stats' })) as PortalStats, // the other side of our own channel
    closePortal: async () => void (await ask({ do: 'close' })),
    end: () => void child.kill()
  }
}
