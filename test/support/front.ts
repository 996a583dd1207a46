// A fixed address before a server that comes and goes: portals know where the application is, whichever process answers.
// Must stay true: passes bytes and understands none; without a server behind it, connections are cut.

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Front {
  readonly origin: string
  /** Passes on to this origin from now on; undefined: to nobody. Connections there are cut. */
  to(origin: string | undefined): void
}

/** Closed when the test ends. */
export const openFront = async (): Promise<Front> => {
  let target: number | undefined
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    if (target === undefined) {
      socket.destroy()
      return
    }
    const inner = connect(target, '127.0.0.1')
    inner.on('error', () => socket.destroy())
    socket.on('close', () => inner.destroy())
    socket.pipe(inner).pipe(socket)
  })
  const drop = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    drop()
    await new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo // TCP
  return {
    origin: `http://127.0.0.1:${port}`,
    to(origin) {
      target = origin === undefined ? undefined : Number(new URL(origin).port)
      drop()
    }
  }
}
