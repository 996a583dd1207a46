// A reverse proxy that passes an answer on when all of it is there, as some tunnels and balancers do.
// Must stay true: changes neither requests nor answers; every request is remembered.
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface BufferingProxy {
  readonly origin: string
  /** `METHOD /path` of every request so far. */
  readonly asked: readonly string[]
}

/** Before the server at `target`; closed when the test ends. */
export const openBufferingProxy = async (target: string): Promise<BufferingProxy> => {
  const asked: string[] = []
  const { hostname, port } = new URL(target)
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming
    asked.push(`${method} ${path}`)
    const inner = request({ hostname, port, method, path, headers, agent: false }, response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', () => outgoing.destroy())
      response.on('end', () =>
        outgoing.writeHead(response.statusCode ?? 502, response.headers).end(Buffer.concat(parts))
      )
    })
    inner.on('error', () => outgoing.destroy())
    outgoing.on('close', () => inner.destroy())
    incoming.pipe(inner)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked } // TCP
}
