// The process as an operator meets it: starts, stops by signal, comes back, refuses wrong settings.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { startServerProcess } from '../../chaos/server-process.ts'
import { createEmulatedPortal } from '../../emulator/emulated-portal.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const tempDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'bitrixcorp-process-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const start = async (env: Readonly<Record<string, string>>) => {
  const server = startServerProcess({ PORT: '0', ...env })
  onTestFinished(() => server.stop())
  const origin = await server.ready
  if (origin === undefined) throw new Error(`The server did not start:\n${server.output()}`)
  return { ...server, origin }
}

const refusal = async (env: Readonly<Record<string, string>>): Promise<{ code: unknown; text: string }> => {
  const child = spawn(process.execPath, ['dist/server/main.js'], { env: { DATA_DIR: tempDir(), ...env } })
  let text = ''
  child.stderr.on('data', chunk => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  return { code, text }
}

/** All that a stream has said so far. */
const text = (stream: NodeJS.ReadableStream): (() => string) => {
  let said = ''
  stream.on('data', chunk => {
    said += chunk
  })
  return () => said
}

const json = async (url: string, init?: RequestInit): Promise<RunSnapshot & { runs: RunSnapshot[] }> =>
  (await (await fetch(url, init)).json()) as RunSnapshot & { runs: RunSnapshot[] }

it('starts with nothing configured, answers, and fills its own portal', async () => {
  const { origin } = await start({ DATA_DIR: tempDir() })
  expect(await (await fetch(`${origin}/health`)).json()).toEqual({ status: 'ok' })
  const made = await json(`${origin}/bitrix/webhook/push-to-bitrix?count=10`, { method: 'POST' })
  expect(made).toMatchObject({ status: 'completed', created: { companies: 10, contacts: 10 } })
})

it.each([
  ['off', 'interrupted'],
  ['on', 'completed']
])(
  'stopped in the middle of a run exits with 0; back with AUTO_RESUME=%s the run is %s, and ends exact',
  async (autoResume, status) => {
    const portal = await createEmulatedPortal({ speed: { commandMs: 5, workers: 2 } })
    onTestFinished(() => portal.close())
    const env = {
      DATA_DIR: tempDir(),
      BITRIX_WEBHOOK_URL: portal.webhookUrl,
      BITRIX_REQUEST_SECONDS: '1',
      AUTO_RESUME: autoResume
    }
    const first = await start(env)
    const body = JSON.stringify({ kind: 'create', companies: 300, contacts: 300, seed: 1, locale: 'ru' })
    const { id } = await json(`${first.origin}/api/runs`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body
    })
    await expect
      .poll(async () => (await json(`${first.origin}/api/runs/${id}`)).done, { timeout: 20_000 })
      .toBeGreaterThan(0)
    first.signal('SIGTERM')
    expect(await first.exited).toMatchObject({ code: 0 })
    expect(portal.state.counts().contacts).toBeLessThan(300)

    const second = await start(env)
    const snapshot = () => json(`${second.origin}/api/runs/${id}`)
    await expect.poll(async () => (await snapshot()).status, { timeout: 20_000 }).toBe(status)
    if (status === 'interrupted') await fetch(`${second.origin}/api/runs/${id}/resume`, { method: 'POST' })
    await expect.poll(async () => (await snapshot()).status, { timeout: 20_000 }).toBe('completed')
    expect(portal.state.counts()).toEqual({ companies: 300, contacts: 300 })
    expect(new Set(portal.state.records('contact').map(({ values }) => values['ORIGIN_ID'])).size).toBe(300)
  }
)

/** For NODE_OPTIONS: runs in the process before anything of ours. */
const preload = (source: string): string => `--import data:text/javascript,${encodeURIComponent(source)}`

/** Batches: those that were under way already say nothing. */
const MORE_THAN_LIE_THERE = 8

it('a clock that was set back by a day in the middle of a run does not keep it from stopping with 0', async () => {
  const portal = await createEmulatedPortal({ bucket: { on: false }, speed: { commandMs: 5, workers: 2 } })
  onTestFinished(() => portal.close())
  const server = await start({
    DATA_DIR: tempDir(),
    BITRIX_WEBHOOK_URL: portal.webhookUrl,
    BITRIX_REQUEST_SECONDS: '1',
    BITRIX_RATE: '1000',
    BITRIX_BURST: '1000',
    NODE_OPTIONS: preload(`
      const real = Date.now
      process.on('SIGUSR2', () => {
        Date.now = () => real() - 86_400_000
        process.stderr.write('the clock is set')
      })`)
  })
  void fetch(`${server.origin}/bitrix/webhook/push-to-bitrix?count=1000`, { method: 'POST' }).catch(() => undefined)
  await expect.poll(() => portal.state.counts().companies, { timeout: 20_000 }).toBeGreaterThan(0)
  server.signal('SIGUSR2')
  await expect.poll(server.output).toContain('the clock is set')
  const { batches } = portal.stats
  await expect.poll(() => portal.stats.batches, { timeout: 20_000 }).toBeGreaterThan(batches + MORE_THAN_LIE_THERE)
  server.signal('SIGTERM')
  expect(await server.exited).toEqual({ code: 0, signal: null })
})

it('what cannot be stopped is cut off: the process ends, says so in one line, and not with 0', async () => {
  const server = await start({
    DATA_DIR: tempDir(),
    BITRIX_REQUEST_SECONDS: '0.1',
    NODE_OPTIONS: preload(`
      import http from 'node:http'
      http.Server.prototype.close = function () {
        return this
      }`)
  })
  server.signal('SIGTERM')
  expect(await server.exited).toEqual({ code: 1, signal: null })
  expect(
    server
      .output()
      .split('\n')
      .filter(line => line.includes('"level":"error"'))
  ).toEqual([expect.stringContaining('cut off')])
}, 60_000)

it('tells whoever waits that the run goes on after the next start', async () => {
  const portal = await createEmulatedPortal({ speed: { commandMs: 20, workers: 1 } })
  onTestFinished(() => portal.close())
  const server = await start({
    DATA_DIR: tempDir(),
    BITRIX_WEBHOOK_URL: portal.webhookUrl,
    BITRIX_REQUEST_SECONDS: '1',
    AUTO_RESUME: 'on'
  })
  const waiting = fetch(`${server.origin}/bitrix/webhook/push-to-bitrix?count=500`, { method: 'POST' })
  await expect.poll(() => portal.state.counts().companies).toBeGreaterThan(0)
  server.signal('SIGTERM')
  const answer = await waiting
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    { error: 'SERVER_STOPS', run: { status: 'running' } }
  ])
  expect(await server.exited).toEqual({ code: 0, signal: null })
})

it('an emulated portal begins empty, and so does its history', async () => {
  const env = { DATA_DIR: tempDir(), AUTO_RESUME: 'on' }
  const first = await start(env)
  const { id } = await json(`${first.origin}/bitrix/webhook/push-to-bitrix?count=1`, { method: 'POST' })
  first.signal('SIGTERM')
  await first.exited
  const second = await start(env)
  expect((await json(`${second.origin}/api/runs`)).runs).toEqual([])
  expect((await fetch(`${second.origin}/api/runs/${id}/resume`, { method: 'POST' })).status).toBe(404)
})

it('started by npm, stops as cleanly when npm is told to, and leaves no process behind', async () => {
  const child = spawn('npm', ['start'], {
    env: { PATH: process.env['PATH'], HOME: tempDir(), PORT: '0', DATA_DIR: tempDir() },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const [out, err] = [text(child.stdout), text(child.stderr)]
  let origin: string | undefined
  await expect
    .poll(
      () => {
        origin = /BitrixCorp: (http:\S+)/.exec(err())?.[1]
        return origin ?? err()
      },
      { timeout: 20_000 }
    )
    .toMatch(/^http:/)
  await json(`${origin}/bitrix/webhook/push-to-bitrix?count=1`, { method: 'POST' })
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  // npm and its shell end by the signal (no script may say exec: Windows has none); the output is closed when the server has ended.
  await closed
  await expect(fetch(`${origin}/health`)).rejects.toThrow('fetch failed')
  // What npm itself says before the program begins is not ours.
  const log = out()
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('>'))
    .map(line => JSON.parse(line) as { msg: string }) // pino's
  expect(log.map(({ msg }) => msg)).toEqual(['BitrixCorp is ready', 'run is running', 'run is completed', 'stopping'])
})

it('refuses wrong settings with one message that names them all', async () => {
  const { code, text } = await refusal({ PORT: 'x', BITRIX_RATE: '-1', AUTO_RESUME: 'maybe' })
  expect(code).toBe(1)
  for (const name of ['PORT', 'BITRIX_RATE', 'AUTO_RESUME']) expect(text).toContain(name)
})

it('says what to do when its port is taken or its data folder cannot be used', async () => {
  const { origin } = await start({ DATA_DIR: tempDir() })
  const taken = await refusal({ PORT: new URL(origin).port })
  expect(taken.code).toBe(1)
  expect(taken.text).toMatch(/in use already/)
  const unusable = await refusal({ PORT: '0', DATA_DIR: 'package.json/data' })
  expect(unusable.code).toBe(1)
  expect(unusable.text).toMatch(/DATA_DIR/)
})
