// The phases of the own cost: whole runs flat out, a thousand readers on one run, and a visitor beside a run.
// Must stay true: each phase has a fresh portal and, where memory counts, a fresh server; nothing of ours is warmed up unless said.
import { setTimeout as sleep } from 'node:timers/promises'
import { MAX_IN_FLIGHT } from '../server/core/speed/dispatcher.ts'
import { finished, PATHS, readProgress, startRun, visit } from './cost-clients.ts'
import { type LoopDelay, type MeasuredServer, startMeasuredServer } from './cost-server.ts'
import type { BenchPortal } from './portal.ts'

interface Quantiles {
  readonly p50: number
  readonly p99: number
  readonly count: number
}

/** All values, not estimates: the smallest that is not exceeded by this share. */
const quantiles = (values: readonly number[]): Quantiles => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), count: sorted.length }
}

interface PortalSpeed {
  readonly commandMs: number
  readonly workers: number
  readonly methodMs?: Record<string, number>
}

/** As fast as the emulated portal itself can be. */
const FLAT_OUT: PortalSpeed = { commandMs: 0, workers: 64 }
/**
 * About 800 rows a second, eight times what Bitrix24 lets through for long; the emulated portal has time to spare.
 * More workers than a run uses, and lists at once: what a visitor waits for is ours.
 */
const STEADY: PortalSpeed = {
  commandMs: 80,
  workers: 2 * MAX_IN_FLIGHT,
  methodMs: { 'crm.company.list': 0, 'crm.contact.list': 0 }
}

/** One server over one fresh portal without limits. */
const withServer = async <T>(
  portal: BenchPortal,
  speed: PortalSpeed,
  work: (server: MeasuredServer, host: string) => Promise<T>
): Promise<T> => {
  const webhookUrl = await portal.open({
    speed: { ...speed, latencyMs: 0 },
    bucket: { on: false },
    operating: { on: false }
  })
  try {
    const server = await startMeasuredServer(webhookUrl)
    try {
      return await work(server, new URL(webhookUrl).host)
    } finally {
      await server.stop()
    }
  } finally {
    await portal.closePortal()
  }
}

export interface RunCost {
  readonly kind: 'create' | 'clear'
  readonly rows: number
  readonly seconds: number
  readonly requests: number
  readonly cpuSecondsPer1000Rows: number
  readonly peakMB: number
  /** What the process still needs after the run: the rest of the peak is what V8 had not collected. */
  readonly neededMB: number
  /** What the page was sent while the run went on. */
  readonly snapshotsPerSecond: number
  readonly loopDelayMs: LoopDelay
}

/** The final snapshot, one per run, does not wait for its turn and is left out. */
const perSecond = (arrivals: readonly number[]): number => {
  const [first = 0, ...later] = arrivals.slice(0, -1)
  return later.length === 0 ? 0 : (later.length * 1000) / ((later.at(-1) ?? first) - first)
}

const measureRun = async (
  portal: BenchPortal,
  server: MeasuredServer,
  body: { readonly kind: RunCost['kind'] } & Readonly<Record<string, unknown>>,
  rows: number
): Promise<RunCost> => {
  const before = await portal.stats()
  await server.reset()
  const cpu = server.cpuSeconds()
  const start = performance.now()
  const { id } = await startRun(server.origin, body)
  // One page is open, as when a person started it.
  const reader = readProgress(server.origin, id)
  await finished(reader, rows)
  const seconds = (performance.now() - start) / 1000
  const used = server.cpuSeconds() - cpu
  const { requests } = await portal.stats()
  const loopDelayMs = await server.loopDelay()
  return {
    kind: body.kind,
    rows,
    seconds,
    requests: requests - before.requests,
    cpuSecondsPer1000Rows: (used / rows) * 1000,
    peakMB: server.peakMB(),
    neededMB: await server.heapMB(),
    snapshotsPerSecond: perSecond((await reader.ended).arrivals),
    loopDelayMs
  }
}

export interface RunsCost {
  /** After the start, before anything was asked. */
  readonly idleMB: number
  readonly create: RunCost
  readonly clear: RunCost
}

/** Creates and clears `rows` (half of each kind) in a new process. */
export const measureRuns = (portal: BenchPortal, rows: number): Promise<RunsCost> =>
  withServer(portal, FLAT_OUT, async (server, host) => {
    const idleMB = server.residentMB()
    const recipe = { companies: rows / 2, contacts: rows / 2, seed: 1, locale: 'ru' }
    const create = await measureRun(portal, server, { kind: 'create', ...recipe }, rows)
    const clear = await measureRun(portal, server, { kind: 'clear', scope: 'all', confirm: host }, rows)
    return { idleMB, create, clear }
  })

export interface CrowdCost {
  readonly clients: number
  readonly reachedDone: number
  /** What is still needed with all clients there, less what was needed before, per client. */
  readonly heapKBPerClient: number
  /** The highest resident memory with all clients there, less what was resident before, per client. */
  readonly residentKBPerClient: number
  /** From the snapshot's `finishedAt` until a client has `done`. */
  readonly doneMs: { readonly first: number; readonly last: number }
  /** While the run went on: the mean, and the client with most. */
  readonly snapshotsPerSecond: { readonly mean: number; readonly most: number }
  readonly loopDelayMs: LoopDelay
}

/** So many connect at once: a listen queue holds 511. */
const WAVE = 100

/** `clients` readers of the progress of one run. */
export const measureCrowd = (portal: BenchPortal, clients: number, rows: number): Promise<CrowdCost> =>
  withServer(portal, STEADY, async server => {
    const run = await startRun(server.origin, { kind: 'create', companies: rows / 2, contacts: rows / 2 })
    await sleep(1000)
    const heapBefore = await server.heapMB()
    const residentBefore = server.residentMB()
    const readers = []
    for (let count = 0; count < clients; count += WAVE) {
      const wave = Array.from({ length: Math.min(WAVE, clients - count) }, () => readProgress(server.origin, run.id))
      await Promise.all(wave.map(({ attached }) => attached))
      readers.push(...wave)
    }
    await sleep(1000)
    const heapAfter = await server.heapMB()
    await server.reset()
    const streams = await Promise.all(readers.map(({ ended }) => ended))
    const done = streams.flatMap(({ last }) =>
      last?.run.status === 'completed' ? [last.at - Date.parse(last.run.finishedAt ?? '')] : []
    )
    const rates = streams.map(({ arrivals }) => perSecond(arrivals))
    return {
      clients,
      reachedDone: done.length,
      heapKBPerClient: ((heapAfter - heapBefore) * 1024) / clients,
      residentKBPerClient: ((server.peakMB() - residentBefore) * 1024) / clients,
      doneMs: { first: Math.min(...done), last: Math.max(...done) },
      snapshotsPerSecond: { mean: rates.reduce((sum, rate) => sum + rate, 0) / clients, most: Math.max(...rates) },
      loopDelayMs: await server.loopDelay()
    }
  })

export interface LatencyCost {
  readonly path: string
  readonly idleMs: Quantiles
  readonly busyMs: Quantiles
}

export interface VisitCost {
  /** A run that nobody but one page watches. */
  readonly run: RunCost
  readonly latency: readonly LatencyCost[]
}

const WARM_UP_MS = 1500
const IDLE_MS = 5000

const forMs = (ms: number): (() => boolean) => {
  const end = performance.now() + ms
  return () => performance.now() >= end
}

/** A steady run, and a visitor without and with such a run; the portal holds as many records as a run creates. */
export const measureVisits = (portal: BenchPortal, rows: number): Promise<VisitCost> =>
  withServer(portal, STEADY, async server => {
    const create = { kind: 'create', companies: rows / 2, contacts: rows / 2 } as const
    await portal.seed(rows / 2, rows / 2)
    await visit(server.origin, forMs(WARM_UP_MS))
    const idle = await visit(server.origin, forMs(IDLE_MS))
    const run = await measureRun(portal, server, create, rows)
    const { id } = await startRun(server.origin, create)
    let over = false
    const watched = finished(readProgress(server.origin, id), rows).finally(() => {
      over = true
    })
    const busy = await visit(server.origin, () => over)
    await watched
    const latency = PATHS.map(path => ({
      path,
      idleMs: quantiles(idle.get(path) ?? []),
      busyMs: quantiles(busy.get(path) ?? [])
    }))
    return { run, latency }
  })
