// The process as an operator meets it: starts, stops by signal, comes back, refuses wrong settings.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { startServerProcess } from '../../chaos/server-process.ts'
import { createEmulatedPortal } from '../../emulator/emulated-portal.ts'
import type { RunSnapshot } from '../../server/core/run.ts'
import { buildPage } from '../support/site.ts'

beforeAll(buildPage)

const tempDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'bitrixcorp-process-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const start = async (env: Readonly<Record<string, string>>) => {
  const server = await startServerProcess({ PORT: '0', ...env }, undefined)
  if (server === undefined) throw new Error('The server did not start')
  onTestFinished(() => server.stop())
  return server
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
    expect(await first.exited).toBe(0)
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
