// A way to PostgreSQL that can fall silent: packets are swallowed, and no connection is closed.
// Must stay true: a connection that fell silent stays so; those made after `heal` work.
import { readdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface SilentProxy {
  /** The address of the database through it. */
  readonly databaseUrl: string
  fallSilent(): void
  heal(): void
}

export const openSilentProxy = async (databaseUrl: string): Promise<SilentProxy> => {
  const url = new URL(databaseUrl)
  const folder = url.searchParams.get('host')
  const socket = folder === null ? undefined : readdirSync(folder).find(name => /^\.s\.PGSQL\.\d+$/.test(name))
  const toServer = (): Socket =>
    folder !== null && socket !== undefined
      ? connect(join(folder, socket))
      : connect(Number(url.port || 5432), url.hostname)
  let silent = false
  const mute = new WeakSet<Socket>()
  const open = new Set<Socket>()
  const proxy = createServer(client => {
    const server = toServer()
    for (const [from, to] of [
      [client, server],
      [server, client]
    ] as const) {
      open.add(from)
      from.on('data', data => {
        if (silent) mute.add(client)
        if (!mute.has(client)) to.write(data)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    proxy.close()
    for (const each of open) each.destroy()
  })
  const through = new URL(databaseUrl)
  through.searchParams.delete('host')
  through.hostname = '127.0.0.1'
  through.port = String((proxy.address() as AddressInfo).port) // TCP
  return {
    databaseUrl: through.href,
    fallSilent() {
      silent = true
    },
    heal() {
      silent = false
    }
  }
}
