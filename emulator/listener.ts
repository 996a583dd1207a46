// One HTTP listener with an origin of its own: what portals and authorization servers stand on.
// Must stay true: closing drops every connection at once; after a restart the same port answers again.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type Koa from 'koa'

export interface Listener {
  readonly origin: string
  /** With the port. */
  readonly host: string
  readonly port: number
  dropConnections(): void
  /** Refuses connections for `downMs`. */
  goAway(downMs: number): void
  close(): Promise<void>
}

/** Starts listening; port 0 takes any free one. @throws when the port is taken */
export async function listen(answer: RequestListener, where: { host: string; port: number }): Promise<Listener> {
  // Fronts of real portals keep idle connections for longer than Node's 5 seconds.
  const server = createServer({ keepAliveTimeout: 75_000 }, answer)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where.port, where.host, resolve)
  })
  const { port } = server.address() as AddressInfo // listening on TCP: never a pipe's name
  const origin = `http://${where.host.includes(':') ? `[${where.host}]` : where.host}:${port}`
  let comeBack: NodeJS.Timeout | undefined
  return {
    origin,
    host: new URL(origin).host,
    port,
    dropConnections: () => server.closeAllConnections(),
    goAway(downMs) {
      clearTimeout(comeBack)
      server.close()
      comeBack = setTimeout(() => server.listen(port, where.host), downMs)
    },
    async close() {
      clearTimeout(comeBack)
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  }
}

const HANGING_UP = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE']

/** Clients that hang up are part of the game; anything else is a fault of the emulator. */
export function reportFaults(app: Koa): void {
  app.on('error', (error: NodeJS.ErrnoException) => {
    if (!HANGING_UP.includes(error.code ?? '')) console.error(error)
  })
}
