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
  reset(): Promise<void>
  stats(): Promise<PortalStats>
  closePortal(): Promise<void>
  end(): void
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never

export const startPortalProcess = (): BenchPortal => {
  const child = fork(fileURLToPath(new URL('portal-process.ts', import.meta.url)), { execArgv: process.execArgv })
  let last = 0
  const ask = (order: WithoutId<Order>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      const id = last
      const hear = (answer: { id: number; result?: unknown; error?: string }): void => {
        if (answer.id !== id) return
        child.off('message', hear)
        if (answer.error === undefined) resolve(answer.result)
        else reject(new Error(answer.error))
      }
      child.on('message', hear)
      child.send({ ...order, id })
    })
  return {
    open: async options => String(await ask({ do: 'open', options })),
    seed: async (companies, contacts) => void (await ask({ do: 'seed', companies, contacts })),
    empty: async () => void (await ask({ do: 'empty' })),
    reset: async () => void (await ask({ do: 'reset' })),
    stats: async () => (await ask({ do: 'stats' })) as PortalStats, // the other side of our own channel
    closePortal: async () => void (await ask({ do: 'close' })),
    end: () => void child.kill()
  }
}
