// A server that nobody may contact.
// Must stay true: counts connections, not requests: a TLS greeting or a byte is too much already.

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Canary {
  readonly port: number
  /** Connections so far. */
  contacts(): number
}

/** Listens on every address of this machine. */
export const openCanary = async (): Promise<Canary> => {
  let contacts = 0
  const server = createServer(socket => {
    contacts += 1
    socket.destroy()
  })
  await new Promise<void>(resolve => server.listen(0, resolve))
  onTestFinished(() => new Promise<void>(resolve => server.close(() => resolve())))
  const { port } = server.address() as AddressInfo // TCP
  return { port, contacts: () => contacts }
}
