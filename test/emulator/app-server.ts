// An application's own server for tests: remembers what the portal sends, and shows a page that loads the real SDK.
// Must stay true: it only listens; what the portal does is never helped along.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { parseQuery } from '../../emulator/php.ts'

/** A POST that arrived: an opening or an event. */
export interface Arrival {
  readonly path: string
  readonly query: URLSearchParams
  readonly type: string
  readonly body: string
  /** As PHP reads the body. */
  readonly fields: { readonly [name: string]: never }
  readonly cookie: string | undefined
}

export interface AppServer {
  readonly origin: string
  readonly arrivals: Arrival[]
  /** Status of the answers from now on. */
  status: number
}

const SDK = new URL('../../node_modules/@bitrix24/b24jssdk/dist/umd/index.min.js', import.meta.url)

/** `window.b24` is the SDK's frame client once `#ready` says so; `window.told` collects raw messages of the parent. */
const PAGE = `<!doctype html><html><head><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,">
<script src="/sdk.js"></script></head><body style="margin:0"><p id="ready"></p><div style="height:700px"></div><script>
window.told = []
addEventListener('message', event => window.told.push(event.data))
if (window.B24Js && window.name.includes('|')) B24Js.initializeB24Frame().then(b24 => {
  window.b24 = b24
  document.getElementById('ready').textContent = 'ready ' + b24.placement.title
}, error => { document.getElementById('ready').textContent = 'failed ' + error.message })
</script></body></html>`

/** `name`: by which the portal knows it; whatever ends in `.localhost` is this machine for the browser. */
export async function openAppServer(name = '127.0.0.1'): Promise<AppServer> {
  const sdk = await readFile(SDK)
  const arrivals: Arrival[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://app')
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      if (request.method === 'POST') {
        arrivals.push({
          path: url.pathname,
          query: url.searchParams,
          type: request.headers['content-type'] ?? '',
          body,
          fields: parseQuery(body) as Arrival['fields'], // read loosely: tests look into every shape
          cookie: request.headers.cookie
        })
      }
      const script = url.pathname === '/sdk.js'
      response.writeHead(script ? 200 : app.status, {
        'Content-Type': script ? 'text/javascript' : 'text/html',
        'Set-Cookie': 'session=1; Path=/; SameSite=Lax'
      })
      response.end(script ? sdk : PAGE)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  const { port } = server.address() as AddressInfo // listening on TCP
  const app: AppServer = { origin: `http://${name}:${port}`, arrivals, status: 200 }
  return app
}
