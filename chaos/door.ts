// How a round reaches the product: by a webhook from a script, or as a local application from a page in the portal's frame.
// Must stay true: the same requests that a script or the page makes; whatever the portal refuses on the way in is tried again.
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAuthorizationServer } from '../emulator/authorization-server.ts'
import { createEmulatedPortal, type EmulatedPortal, type EmulatedPortalOptions } from '../emulator/emulated-portal.ts'

/** @throws {TypeError} when the process is gone, {DOMException} when it stands still for longer than `ANSWER_MS` */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>

export interface Door {
  readonly portal: EmulatedPortal
  /** Settings of the servers that belong to it. `process`: of so many, from 0. */
  settings(process: number): Readonly<Record<string, string>>
  /** Comes in, after a start of the server at this origin. @throws what `Ask` does */
  enter(origin: string): Promise<Ask>
  /** All access tokens are over, where there are any. */
  expire(): void
  close(): Promise<void>
}

/** Nobody waits longer for an answer, where a request may be made again. */
const ANSWER_MS = 5000

/** A signal that is given, counts. */
const withPatience = (init: RequestInit = {}): RequestInit => ({ signal: AbortSignal.timeout(ANSWER_MS), ...init })

const openWebhookDoor = async (options: EmulatedPortalOptions): Promise<Door> => {
  const portal = await createEmulatedPortal(options)
  return {
    portal,
    settings: () => ({ PORT: '0', BITRIX_WEBHOOK_URL: portal.webhookUrl }),
    enter: async origin => (path, init) => fetch(`${origin}${path}`, withPatience(init)),
    expire: () => undefined,
    close: () => portal.close()
  }
}

/** Below the ports that systems give out by themselves (RFC 6335: from 49152; Linux: from 32768): nobody takes it between two starts. */
const PORTS = { from: 20_000, to: 32_000 }

/** A port that is free now, and stays so for a process that is started again and again. */
const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to)
    const server = createServer().listen(port, '127.0.0.1')
    const free = await once(server, 'listening').then(
      () => true,
      () => false
    )
    await new Promise(resolve => server.close(resolve))
    if (free) return port
  }
}

/** Times that a handshake is tried before the round gives up. */
const ATTEMPTS = 200

const openApplicationDoor = async (options: EmulatedPortalOptions): Promise<Door> => {
  const authorization = await createAuthorizationServer()
  const portal = await createEmulatedPortal({ ...options, authorization })
  const port = await freePort()
  const publicUrl = `http://127.0.0.1:${port}`
  const clientId = `local.${randomBytes(7).toString('hex')}.${randomBytes(4).toString('hex')}`
  const clientSecret = randomBytes(25).toString('hex')
  const appSecret = randomBytes(32).toString('hex')
  portal.registerApplication({
    clientId,
    clientSecret,
    handlerUrl: `${publicUrl}/placement`,
    installUrl: `${publicUrl}/install`,
    title: { ru: 'BitrixCorp', en: 'BitrixCorp' },
    scope: ['crm', 'placement', 'user_brief']
  })
  let installed = false

  /** Opens a page of the application as the administrator does, until it comes. */
  const open = async (origin: string, path: '/install' | '/placement', patience: RequestInit): Promise<string> => {
    let text = ''
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { url, body } = portal.open({ clientId })
      const response = await fetch(`${origin}${path}${new URL(url).search}`, {
        ...patience,
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: portal.origin },
        body
      })
      text = await response.text()
      if (response.status === 200) return text
      await sleep(30)
    }
    throw new Error(`${path} never came: ${text}`)
  }

  return {
    portal,
    settings: process => ({
      // The first one is where the portal sends its events; people are led to any.
      PORT: process === 0 ? String(port) : '0',
      PUBLIC_URL: publicUrl,
      APP_SECRET: appSecret,
      BITRIX_CLIENT_ID: clientId,
      BITRIX_CLIENT_SECRET: clientSecret,
      BITRIX_OAUTH_URLS: authorization.origin,
      BITRIX_PORTAL_HOSTS: portal.host
    }),
    async enter(origin) {
      if (!installed) {
        // A second installation that a frozen process makes later would be one that nobody asked for: this one is waited for.
        await open(origin, '/install', {})
        portal.applications.finishInstall(clientId)
        await portal.eventsSettled()
        installed = true
      }
      const page = await open(origin, '/placement', withPatience())
      const state = /<script type="application\/json" id="state">(.*?)<\/script>/s.exec(page)?.[1]
      const { session } = JSON.parse(state ?? '{}') as { session?: string }
      if (session === undefined) throw new Error(`The page has no session:\n${page}`)
      return (path, init = {}) =>
        fetch(`${origin}${path}`, {
          ...withPatience(init),
          headers: { ...init.headers, Authorization: `Bearer ${session}` }
        })
    },
    expire: () => portal.applications.expireTokens(clientId),
    async close() {
      await portal.close()
      await authorization.close()
    }
  }
}

export type DoorName = 'webhook' | 'application'

export const openDoor = (name: DoorName, options: EmulatedPortalOptions): Promise<Door> =>
  name === 'webhook' ? openWebhookDoor(options) : openApplicationDoor(options)
