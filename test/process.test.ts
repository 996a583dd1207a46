// The process and its settings file, as an operator meets them.
// Must stay true: a refused start is one readable message, without a stack and without a secret.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freshDir } from './support/fresh-dir.ts'
import { buildPage } from './support/site.ts'

beforeAll(buildPage)

const MAIN = resolve('dist/server/main.js')

/** Runs in a folder of its own, until it has printed its address or ended. `args`: of the program. */
const run = async (
  cwd: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [MAIN],
  program = process.execPath
) => {
  const child = spawn(program, args, { cwd, env: { ...env } })
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

test('an idle connection is kept for longer than a balancer keeps it, which would else meet a closed one', async () => {
  const { ready } = await run(freshDir(), { PORT: '0' })
  const kept = (await fetch(`${await ready}/health`)).headers.get('Keep-Alive') ?? ''
  // Sixty seconds is what balancers and proxies have as their default.
  const seconds = Number(/^timeout=(\d+)$/.exec(kept)?.[1])
  expect(seconds).toBeGreaterThanOrEqual(65)
  expect(seconds).toBeLessThanOrEqual(75)
})

describe('the scripts of package.json', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> } // ours

  test('say nothing that only a POSIX shell understands', () => {
    for (const [name, line] of Object.entries(scripts)) {
      // cmd.exe knows programs with arguments, and `&&`.
      for (const part of line.split(' && ')) expect(part, name).toMatch(/^(?!exec |cd |\w+=)[\w./:=@ -]+$/)
    }
  })

  test('`npm start` is one process with its memory flags, and a signal ends it with 0', async () => {
    const [node, ...args] = scripts['start']?.split(' ') ?? []
    expect(node).toBe('node')
    const started = args.map(arg => (arg.endsWith('.mjs') ? resolve(arg) : arg))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { child, closed, output, ready } = await run(freshDir(), { PORT: '0' }, started)
      expect((await fetch(`${await ready}/health`)).status).toBe(200)
      child.kill(signal)
      expect([await closed, child.signalCode]).toEqual([0, null])
      expect(output.out).toContain('"stopping"')
    }
    expect(started).toContain('--max-old-space-size=1024')
  })

  test('`npm start` stops when only its shell was told to', async () => {
    const line = scripts['start']?.replace('scripts/', `${resolve('scripts')}/`) ?? ''
    const env = { PORT: '0', PATH: dirname(process.execPath), npm_lifecycle_event: 'start' }
    const { child, closed, output, ready } = await run(freshDir(), env, ['-c', line], '/bin/sh')
    await ready
    child.kill('SIGTERM')
    // The server holds the output open for as long as it lives.
    await closed
    expect(output.out).toContain('"stopping"')
  })
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

  test('with a byte order mark and CRLF is read from its first line on', async () => {
    const folder = freshDir()
    writeFileSync(join(folder, '.env'), '\uFEFFBITRIX_WEBHOOK_SECRET=open-sesame-0123456789\r\nPORT=0\r\n')
    const { ready } = await run(folder, {})
    const origin = await ready
    expect((await fetch(`${origin}/api/runs`)).status).toBe(403)
    expect((await fetch(`${origin}/api/runs?secret=open-sesame-0123456789`)).status).toBe(200)
  })

  test('in UTF-16, as PowerShell writes it, is refused with how to save it', async () => {
    const text = 'PORT=0\r\nBITRIX_WEBHOOK_SECRET=planted-secret-1\r\n'
    const little = Buffer.from(text, 'utf16le')
    const marked = Buffer.from(`\uFEFF${text}`, 'utf16le')
    for (const bytes of [little, marked, Buffer.from(marked).swap16(), Buffer.from(little).swap16()]) {
      const folder = freshDir()
      writeFileSync(join(folder, '.env'), bytes)
      const message = await refusal(folder, {})
      expect(message).toMatch(/UTF-16.*Out-File -Encoding utf8 \.env\n$/)
      expect(message.replaceAll('\0', '')).not.toContain('planted')
    }
  })

  test('with a # that cuts a value is refused with the name and what to do, all of them at once', async () => {
    const folder = freshDir()
    writeFileSync(
      join(folder, '.env'),
      '# my#notes\nPORT=0 # any#port\nBITRIX_CLIENT_SECRET=planted#secret\nAPP_SECRET=#planted-secret-0123456789\n' +
        'BITRIX_WEBHOOK_SECRET="planted#quoted"\n'
    )
    const message = await refusal(folder, {})
    for (const name of ['BITRIX_CLIENT_SECRET', 'APP_SECRET']) {
      expect(message).toMatch(new RegExp(`- ${name}: .*quotes`))
    }
    expect(message).not.toMatch(/planted|PORT|WEBHOOK/)
  })

  test('with a line that is no setting, or in another encoding, is refused rather than read in part', async () => {
    for (const [text, problem] of [
      ['My settings\nBITRIX_WEBHOOK_SECRET=planted\n', /- BITRIX_WEBHOOK_SECRET: stands behind a line/],
      [Buffer.from('BITRIX_WEBHOOK_SECRET=planted-\xef\xe0\n', 'latin1'), /- BITRIX_WEBHOOK_SECRET: is not in UTF-8/]
    ] as const) {
      const folder = freshDir()
      writeFileSync(join(folder, '.env'), text)
      const message = await refusal(folder, {})
      expect(message).toMatch(problem)
      expect(message).not.toContain('planted')
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

/** The warnings of a start, as they are in the log. */
const warningsOf = async (cwd: string, env: Readonly<Record<string, string>>): Promise<string[]> => {
  const { child, closed, output, ready } = await run(cwd, { PORT: '0', ...env })
  expect((await fetch(`${await ready}/health`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await closed).toBe(0)
  expect(output.out + output.err).not.toContain('planted')
  const lines = output.out.split('\n').filter(line => line.includes('"level":"warn"'))
  return lines.map(line => JSON.parse(line).msg)
}

test('settings of ours that do not exist are named in one warning, with the nearest that does', async () => {
  const folder = freshDir()
  writeFileSync(join(folder, '.env'), '\uFEFFBITRIX_WEBHOOK_ULR=planted1\nbitrix_rate=planted2\nOTHER=planted3\n')
  expect(await warningsOf(folder, { BITRIX_PORTAL_HOST: 'planted4', BITRIX_TEST_WEBHOOK_URL: 'planted5' })).toEqual([
    'Settings that BitrixCorp does not know do nothing: BITRIX_PORTAL_HOST (did you mean BITRIX_PORTAL_HOSTS?), ' +
      'BITRIX_WEBHOOK_ULR (did you mean BITRIX_WEBHOOK_URL?), bitrix_rate (did you mean BITRIX_RATE?). ' +
      'The README lists those that there are.'
  ])
})

test('a proxy that is not used is said so, where a portal is outside this process', async () => {
  const proxies = { HTTPS_PROXY: 'http://user:planted@127.0.0.1:9', http_proxy: 'http://127.0.0.1:9', NO_PROXY: '*' }
  const [warning, ...more] = await warningsOf(freshDir(), {
    BITRIX_WEBHOOK_URL: 'http://127.0.0.1:9/rest/1/planted5secret9x/',
    ...proxies
  })
  expect(warning).toMatch(/^HTTPS_PROXY, http_proxy: BitrixCorp does not use a proxy/)
  expect(more).toEqual([])
  expect(await warningsOf(freshDir(), proxies)).toEqual([])
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
