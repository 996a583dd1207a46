// The process and its settings file, as an operator meets them.
// Must stay true: a refused start is one readable message, without a stack and without a secret.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freshDir } from './support/fresh-dir.ts'
import { buildPage } from './support/site.ts'

beforeAll(buildPage)

const MAIN = resolve('dist/server/main.js')

/** Runs in a folder of its own, until it has printed its address or ended. */
const run = async (cwd: string, env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [MAIN], { cwd, env: { ...env } })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const output = { out: '', err: '' }
  const closed = once(child, 'close').then(([code]) => code as number | null) // exit code
  const ready = new Promise<string>(found => {
    child.stderr.on('data', chunk => {
      output.err += chunk
      const origin = /BitrixCorp: (http:\S+)/.exec(output.err)?.[1]
      if (origin !== undefined) found(origin)
    })
  })
  child.stdout.on('data', chunk => {
    output.out += chunk
  })
  return { child, output, closed, ready }
}

const refusal = async (cwd: string, env: Readonly<Record<string, string>>): Promise<string> => {
  const { output, closed, ready } = await run(cwd, env)
  const code = await Promise.race([closed, ready.then(origin => `It started at ${origin}`)])
  expect(code).toBe(1)
  expect(output.out).toBe('')
  expect(output.err).not.toMatch(/^\s+at /m)
  return output.err
}

test('a signal before it is ready ends it with 0, too', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A database that says nothing: the start waits for it.
    const silent = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void silent.close())
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo // it listens on a port
    const env = { DATABASE_URL: `postgres://nobody:nothing@127.0.0.1:${port}/none`, APP_SECRET: 'x'.repeat(32) }
    const { child, closed, output } = await run(freshDir(), { PORT: '0', ...env })
    await once(silent, 'connection')
    child.kill(signal)
    expect([await closed, child.signalCode, output.err]).toEqual([0, null, ''])
  }
})

describe('.env of the working folder', () => {
  test('is read, and the environment wins; both signals end the process with 0', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const folder = freshDir()
      writeFileSync(join(folder, '.env'), 'PORT=0\nLOG_LEVEL=loud\nBITRIX_WEBHOOK_SECRET=open-sesame-0123456789\n')
      const { child, closed, output, ready } = await run(folder, { LOG_LEVEL: 'info' })
      const origin = await ready
      expect((await fetch(`${origin}/health`)).status).toBe(200)
      expect((await fetch(`${origin}/api/runs`)).status).toBe(403)
      expect((await fetch(`${origin}/api/runs?secret=open-sesame-0123456789`)).status).toBe(200)
      child.kill(signal)
      expect(await closed).toBe(0)
      expect(output.out + output.err).not.toContain('open-sesame-0123456789')
    }
  })

  test('that is no file is refused in words', async () => {
    const folder = freshDir()
    mkdirSync(join(folder, '.env'))
    expect(await refusal(folder, {})).toMatch(/\.env in the working folder cannot be read.*\n$/)
  })

  test('with wrong lines is refused with all of them, and no secret is repeated', async () => {
    const folder = freshDir()
    writeFileSync(
      join(folder, '.env'),
      'PORT=70000\nBITRIX_WEBHOOK_URL=https://portal.bitrix24.com/rest/1/planted5secret9x/crm.lead.add\n' +
        'BITRIX_CLIENT_SECRET=planted-client\nAPP_SECRET=planted\nDATABASE_URL=mysql://user:planted@db/x\n'
    )
    const text = await refusal(folder, { HOST: '0.0.0.0' })
    for (const name of [
      'PORT',
      'BITRIX_WEBHOOK_URL',
      'BITRIX_WEBHOOK_SECRET',
      'BITRIX_CLIENT_ID',
      'PUBLIC_URL',
      'APP_SECRET',
      'DATABASE_URL'
    ]) {
      expect(text).toContain(`- ${name}: `)
    }
    expect(text).not.toContain('planted')
  })
})

test('a page that a proxy opens to everybody is warned of at the start, once, with what to do', async () => {
  const webhook = 'http://127.0.0.1:9/rest/1/planted5secret9x/'
  const warnings = async (env: Readonly<Record<string, string>>): Promise<string[]> => {
    const { child, closed, output, ready } = await run(freshDir(), { PORT: '0', BITRIX_WEBHOOK_URL: webhook, ...env })
    expect((await fetch(`${await ready}/health`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await closed).toBe(0)
    return output.out.split('\n').filter(line => line.includes('"level":"warn"'))
  }
  const [warning = '', ...more] = await warnings({ PUBLIC_URL: 'https://corp.example.com' })
  expect(JSON.parse(warning).msg).toMatch(/^Anybody who reaches https:\/\/corp\.example\.com .*BITRIX_WEBHOOK_SECRET/)
  expect(more).toEqual([])
  expect(warning).not.toContain('planted')
  for (const safe of [
    {},
    { PUBLIC_URL: 'http://localhost:3000' },
    { PUBLIC_URL: 'https://corp.example.com', BITRIX_WEBHOOK_SECRET: 'open-sesame-0123456789' }
  ]) {
    expect(await warnings(safe), JSON.stringify(safe)).toEqual([])
  }
})
