// The real app over an emulated portal, on a free port, with a client that can send what browsers and curl may not.
// Must stay true: everything is the product's own except the page's templates and its build, which are two lines here.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { onTestFinished } from 'vitest'
import {
  createEmulatedPortal,
  type EmulatedPortal,
  type EmulatedPortalOptions
} from '../../emulator/emulated-portal.ts'
import { createApp } from '../../server/app.ts'
import { createWebhookClient } from '../../server/bitrix24/client.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import { Secret } from '../../server/config.ts'
import { createChannel } from '../../server/core/channel.ts'
import { readRecords } from '../../server/core/records.ts'
import { createRuns, type Runs } from '../../server/core/run/runs.ts'
import { shareReads } from '../../server/core/shared-reads.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { webhookUrlSchema } from '../../server/core/webhook-url.ts'
import { loadAssets } from '../../server/http/assets.ts'
import { loadTranslations } from '../../server/http/translate.ts'
import { createLog } from '../../server/log.ts'
import { systemClock } from '../../server/system-clock.ts'
import { createDisk, openMemoryJournal } from './memory-journal.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Loose on purpose: tests look into answers of every shape. Undefined when the text is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: as said above
  readonly body: any
}

export interface Request {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

export interface HttpApp {
  readonly origin: string
  readonly port: number
  readonly portal: EmulatedPortal
  readonly runs: Runs
  readonly closing: AbortController
  /** Lines of the log so far. */
  readonly logged: string[]
  send(path: string, request?: Request): Promise<Answer>
  /** Reads a stream of events to its end. */
  events(path: string, headers?: Record<string, string>): Promise<EventSourceMessage[]>
  /** Companies and contacts in the portal. */
  count(): Promise<{ companies: number; contacts: number }>
}

export interface HttpAppOptions {
  readonly secret?: string
  /** Where it listens, as HOST; default 127.0.0.1. */
  readonly host?: string
  readonly publicUrl?: string
  readonly portal?: EmulatedPortalOptions
}

const makeFixtures = (): { folder: string; build: string; views: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'bitrixcorp-http-'))
  const [build, views] = [join(folder, 'build'), join(folder, 'views')]
  mkdirSync(join(build, '.vite'), { recursive: true })
  mkdirSync(views)
  writeFileSync(join(build, 'main-abc.js'), 'export {}\n')
  writeFileSync(
    join(build, '.vite', 'manifest.json'),
    JSON.stringify({ 'placement/main.ts': { file: 'main-abc.js', css: ['main-abc.css'] } })
  )
  writeFileSync(
    join(views, 'page.njk'),
    '<p lang="{{ lang }}">{{ portal.host }}</p><script type="application/json">{{ state | json }}</script>' +
      '{% for item in companies.items %}<td>{{ item.title }}</td>{% endfor %}<i>{{ problem.code if problem else "" }}</i>'
  )
  writeFileSync(
    join(views, 'error.njk'),
    '<h1 lang="{{ lang }}">{{ status }}</h1><p>{{ message }}</p>{% if asksSecret %}<form>{% endif %}' +
      '{% if start %}<button>{{ start.portal }}</button>{{ start.state | json }}{{ start.next }}{% endif %}'
  )
  return { folder, build, views }
}

/** Starts the app; everything is closed when the test ends. */
export const openHttpApp = async (options: HttpAppOptions = {}): Promise<HttpApp> => {
  const portal = await createEmulatedPortal({ bucket: { on: false }, ...options.portal })
  const webhook = webhookUrlSchema.parse(portal.webhookUrl)
  const client = createWebhookClient(webhook, { requestSeconds: 60, now: Date.now })
  const rest = createRestPortal({ id: 'emulated', host: webhook.host, client })
  const channel = createChannel(
    rest,
    createPace({ rate: 100, burst: 1000, random: Math.random, requestSeconds: 60 }),
    systemClock
  )
  const { journal, leases } = openMemoryJournal(createDisk())
  let ids = 0
  const runs = createRuns({
    journal,
    leases,
    clock: systemClock,
    random: Math.random,
    newId: () => `run${++ids}`,
    requestSeconds: 60,
    autoResume: false,
    onCrash: error => {
      throw error
    }
  })
  const logged: string[] = []
  const closing = new AbortController()
  const fixtures = makeFixtures()
  const app = createApp({
    log: createLog('trace', { write: line => logged.push(line) }),
    runs,
    site: { channel, mode: 'emulated', settle: () => Promise.resolve() },
    readRecords: shareReads(readRecords, systemClock),
    assets: loadAssets(fixtures.build),
    translations: loadTranslations(new URL('../../locales', import.meta.url).pathname),
    viewsDir: fixtures.views,
    standaloneSecret: options.secret === undefined ? undefined : new Secret(options.secret),
    ...(options.host === undefined ? {} : { host: options.host }),
    publicUrl: options.publicUrl,
    newSeed: () => 1,
    closing: closing.signal
  })
  const server = app.listen(0, options.host ?? '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo // TCP
  const origin = `http://127.0.0.1:${port}`
  onTestFinished(async () => {
    await runs.stop()
    closing.abort()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await client.close()
    await portal.close()
    rmSync(fixtures.folder, { recursive: true })
  })

  const send: HttpApp['send'] = (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const json = response.headers['content-type']?.includes('json') && text !== ''
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: json ? JSON.parse(text) : undefined
          })
        })
      })
      request.on('error', reject)
      request.end(body)
    })

  return {
    ...{ origin, port, portal, runs, closing, logged, send },
    async events(path, headers = {}) {
      const found: EventSourceMessage[] = []
      const { text } = await send(path, { headers })
      createParser({ onEvent: event => found.push(event) }).feed(text)
      return found
    },
    async count() {
      const [companies, contacts] = await Promise.all([send('/api/companies?limit=1'), send('/api/contacts?limit=1')])
      return { companies: companies.body.total, contacts: contacts.body.total }
    }
  }
}
