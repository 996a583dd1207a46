// What asks the measured server: readers of one run's progress, and a visitor who loads page and tables again and again.
// Must stay true: real connections; every reader parses what it gets; times are taken when the last byte is there.
import { Agent, get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'

/** The parts of a snapshot that are looked at here. */
export interface SeenRun {
  readonly id: string
  readonly status: string
  readonly done: number
  readonly failed: number
  readonly finishedAt: string | null
}

export interface Reader {
  /** Resolves with the first event. */
  readonly attached: Promise<void>
  /** Resolves when the stream has ended. */
  readonly ended: Promise<{
    /** From `done`, with the unix ms of its arrival; undefined: the stream ended without it. */
    readonly last: { readonly run: SeenRun; readonly at: number } | undefined
    /** When each `progress` came, in ms. */
    readonly arrivals: readonly number[]
  }>
}

const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })

/** One `EventSource` on a run's progress. */
export const readProgress = (origin: string, runId: string): Reader => {
  const arrivals: number[] = []
  let last: { run: SeenRun; at: number } | undefined
  let attach = (): void => undefined
  const attached = new Promise<void>(resolve => {
    attach = resolve
  })
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === 'progress') arrivals.push(performance.now())
      if (event === 'done') last = { run: JSON.parse(data) as SeenRun, at: Date.now() } // contract.md, "Snapshot"
      attach()
    }
  })
  const ended = new Promise<Awaited<Reader['ended']>>((resolve, reject) => {
    get(`${origin}/api/runs/${runId}/progress`, { agent }, response => {
      if (response.statusCode !== 200) return reject(new Error(`The stream answered ${response.statusCode}`))
      response.setEncoding('utf8')
      response.on('data', (text: string) => parser.feed(text))
      response.once('error', reject)
      response.once('close', () => resolve({ last, arrivals }))
    }).once('error', reject)
  })
  return { attached: Promise.race([attached, ended.then(() => undefined)]), ended }
}

/** Starts a run and returns its snapshot. @throws when it is not accepted */
export const startRun = async (origin: string, body: Readonly<Record<string, unknown>>): Promise<SeenRun> => {
  const response = await fetch(`${origin}/api/runs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body)
  })
  if (response.status !== 202) throw new Error(`The run was not accepted: ${response.status} ${await response.text()}`)
  return (await response.json()) as SeenRun // contract.md, "API"
}

/** The final snapshot. @throws when not every row was done */
export const finished = async (reader: Reader, rows: number): Promise<SeenRun> => {
  const run = (await reader.ended).last?.run
  if (run?.status !== 'completed' || run.done !== rows || run.failed > 0) {
    throw new Error(`The run did not do its ${rows} rows: ${JSON.stringify(run)}`)
  }
  return run
}

const visitor = new Agent({ keepAlive: true, maxSockets: 1 })

/** Milliseconds until the whole answer is there. */
const timeOf = async (url: string): Promise<number> => {
  const start = performance.now()
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: visitor }, resolve).once('error', reject)
  })
  for await (const _ of response) if (response.statusCode !== 200) break
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`)
  return performance.now() - start
}

export const PATHS = ['/health', '/', '/api/companies?limit=50'] as const

/** One request after another, all paths in turn, until `over` is true. */
export const visit = async (origin: string, over: () => boolean): Promise<Map<string, number[]>> => {
  const times = new Map<string, number[]>(PATHS.map(path => [path, []]))
  while (!over()) {
    for (const path of PATHS) times.get(path)?.push(await timeOf(`${origin}${path}`))
    await sleep(5)
  }
  return times
}
