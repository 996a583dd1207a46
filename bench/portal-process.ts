// The emulated portal in a process of its own, so that its work and ours do not share a thread; steered by messages.
// Must stay true: the same emulated portal as everywhere; this only carries calls over.
import { createEmulatedPortal, type EmulatedPortalOptions } from '../emulator/emulated-portal.ts'

export type Order =
  | { readonly id: number; readonly do: 'open'; readonly options: EmulatedPortalOptions }
  | { readonly id: number; readonly do: 'reset' | 'stats' | 'close' | 'empty' | 'thin' }
  | { readonly id: number; readonly do: 'seed'; readonly companies: number; readonly contacts: number }

let portal: Awaited<ReturnType<typeof createEmulatedPortal>> | undefined

/** Removes every so many-th record of each entity. */
const remove = (every: number): void => {
  for (const entity of ['company', 'contact'] as const) {
    for (const [index, { id }] of [...(portal?.state.records(entity) ?? [])].entries())
      if (index % every === every - 1) portal?.state.remove(entity, id)
  }
}

const obey = async (order: Order): Promise<unknown> => {
  switch (order.do) {
    case 'open':
      portal = await createEmulatedPortal(order.options)
      return portal.webhookUrl
    case 'reset':
      return portal?.resetLimits()
    case 'seed':
      return portal?.state.seed({ companies: order.companies, contacts: order.contacts })
    case 'empty':
      return remove(1)
    case 'thin':
      return remove(10)
    case 'stats':
      return {
        ...portal?.state.counts(),
        requests: portal?.stats.requests,
        refused: portal?.stats.answers[503] ?? 0,
        limited: Object.values(portal?.stats.limited ?? {}).reduce((sum, count) => sum + count, 0)
      }
    case 'close':
      await portal?.close()
      portal = undefined
      return undefined
  }
}

process.on('message', (order: Order) => {
  obey(order).then(
    result => process.send?.({ id: order.id, result }),
    error => process.send?.({ id: order.id, error: String(error) })
  )
})
