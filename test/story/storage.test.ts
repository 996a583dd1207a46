// The embedded storage as an operator meets it: copied, locked, full, deleted, replaced.
// Must stay true: through the real process and real files; what was locked, deleted or full is real.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createEmulatedPortal, type EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { buildPage } from '../support/site.ts'
import { startedServer } from '../support/started-server.ts'

beforeAll(buildPage)

const FILE = 'bitrixcorp.sqlite'

const openPortal = async (options: EmulatedPortalOptions) => {
  const portal = await createEmulatedPortal(options)
  onTestFinished(() => portal.close())
  return portal
}

test('after a clean stop the database file alone holds everything, and nothing waits beside it', async () => {
  const portal = await openPortal({ speed: { commandMs: 1, workers: 4 } })
  const env = { BITRIX_WEBHOOK_URL: portal.webhookUrl, BITRIX_REQUEST_SECONDS: '1' }
  const dataDir = freshDir()
  const server = await startedServer({ ...env, DATA_DIR: dataDir })
  const id = await server.create(100)
  await expect.poll(async () => (await server.snapshot(id)).status, { timeout: 20_000 }).toBe('completed')
  server.signal('SIGTERM')
  expect(await server.exited).toEqual({ code: 0, signal: null })
  expect(statSync(join(dataDir, `${FILE}-wal`), { throwIfNoEntry: false })?.size ?? 0).toBe(0)

  const copy = freshDir()
  copyFileSync(join(dataDir, FILE), join(copy, FILE))
  const second = await startedServer({ ...env, DATA_DIR: copy })
  expect(await second.snapshot(id)).toMatchObject({ id, status: 'completed', done: 200 })
})

/** A file system of 8 MB. */
const smallDisk = (): string => {
  const folder = freshDir()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', folder])
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return folder
}

/** Takes all the room that is left on a disk. @returns gives it back */
const fill = (folder: string): (() => void) => {
  const path = join(folder, 'filler')
  const full = (): boolean => {
    try {
      writeFileSync(path, Buffer.alloc(4096), { flag: 'a' })
      return false
    } catch {
      return true
    }
  }
  while (!full());
  return () => rmSync(path)
}

const rowsOf = (portal: Awaited<ReturnType<typeof openPortal>>) => {
  const tags = ['company' as const, 'contact' as const].flatMap(entity =>
    portal.state.records(entity).map(({ values }) => values['ORIGIN_ID'])
  )
  return { records: tags.length, different: new Set(tags).size }
}

test('a full disk: everybody is told that the run has failed, why, and what to do; with room again it goes on', {
  timeout: 120_000
}, async () => {
  const portal = await openPortal({ speed: { commandMs: 10, workers: 2 } })
  const dataDir = smallDisk()
  const server = await startedServer({
    BITRIX_WEBHOOK_URL: portal.webhookUrl,
    BITRIX_REQUEST_SECONDS: '1',
    DATA_DIR: dataDir
  })
  const id = await server.create(600)
  await expect.poll(async () => (await server.snapshot(id)).done, { timeout: 20_000 }).toBeGreaterThan(0)
  const makeRoom = fill(dataDir)
  const told = { id, status: 'failed', failure: { code: 'STORAGE_FAILED' } }
  await expect.poll(() => server.snapshot(id), { timeout: 20_000 }).toMatchObject(told)
  // Looked at again and again: nobody forgets it, and nothing takes its place.
  for (let look = 0; look < 3; look += 1) {
    expect((await server.ask('/api/runs')).body).toMatchObject({ runs: [told] })
    expect((await server.ask('/api/runs/latest')).body).toMatchObject({ run: told })
    expect((await server.ask('/bitrix/status')).body).toMatchObject({ busy: false, run: told })
    expect(await (await fetch(`${server.origin}/`)).text()).toContain('STORAGE_FAILED')
    const events = await (await fetch(`${server.origin}/api/runs/${id}/progress`)).text()
    expect(events).toContain('STORAGE_FAILED')
    const start = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"kind":"create"}' }
    for (const path of ['/api/runs', `/api/runs/${id}/resume`])
      expect(await server.ask(path, start)).toMatchObject({ status: 507, body: { error: 'STORAGE_FAILED' } })
    expect(await server.ask(`/api/runs/${id}/cancel`, { method: 'POST' })).toMatchObject({
      status: 409,
      body: { error: 'NOT_ACTIVE' }
    })
  }
  makeRoom()
  await expect.poll(async () => (await server.ask('/bitrix/status')).body, { timeout: 20_000 }).toEqual({ busy: false })
  expect(await server.snapshot(id)).toMatchObject(told)
  expect((await server.ask(`/api/runs/${id}/resume`, { method: 'POST' })).status).toBe(202)
  await expect.poll(async () => (await server.snapshot(id)).status, { timeout: 60_000 }).toBe('completed')
  expect(rowsOf(portal)).toEqual({ records: 1200, different: 1200 })
})

test('a lock of another program: the server answers, the run waits longer than a lease lives, says why, and goes on', {
  timeout: 120_000
}, async () => {
  const portal = await openPortal({ speed: { commandMs: 10, workers: 2 } })
  const dataDir = freshDir()
  const server = await startedServer({
    BITRIX_WEBHOOK_URL: portal.webhookUrl,
    BITRIX_REQUEST_SECONDS: '1',
    DATA_DIR: dataDir
  })
  const id = await server.create(600)
  await expect.poll(async () => (await server.snapshot(id)).done, { timeout: 20_000 }).toBeGreaterThan(0)
  const other = new DatabaseSync(join(dataDir, FILE))
  onTestFinished(() => other.close())
  other.exec('pragma busy_timeout = 20000; begin exclusive')
  const health = async (): Promise<number> =>
    (await fetch(`${server.origin}/health`, { signal: AbortSignal.timeout(3000) })).status
  const lapsed = other.prepare("select expires_at < unixepoch('subsec') * 1000 as lapsed from lease")
  let heard = await server.snapshot(id)
  while (!Object(lapsed.get())['lapsed']) {
    expect(await health()).toBe(200)
    heard = await server.snapshot(id)
    expect(heard.status).toBe('running')
    expect((await server.ask('/api/runs')).body).toMatchObject({ runs: [{ id, status: 'running' }] })
  }
  expect(heard).toMatchObject({ waitingFor: 'storage', waitingUntil: null })
  other.exec('rollback')
  await expect.poll(async () => (await server.snapshot(id)).status, { timeout: 60_000 }).not.toBe('running')
  expect(await server.snapshot(id)).toMatchObject({ status: 'completed', done: 1200 })
  expect(rowsOf(portal)).toEqual({ records: 1200, different: 1200 })
})

const expectLost = async (server: Awaited<ReturnType<typeof startedServer>>): Promise<void> => {
  expect(await server.exited).toEqual({ code: 1, signal: null })
  const lines = server.output().split('\n')
  expect(lines.filter(line => line.includes('"level":"fatal"'))).toHaveLength(1)
  expect(lines.find(line => line.includes('"level":"fatal"'))).toMatch(
    /was deleted or replaced while BitrixCorp worked/
  )
  expect(server.output()).not.toContain('run is completed')
}

test('a storage that is deleted in the middle of a run ends the server with one clear error, and the run with no success', async () => {
  const portal = await openPortal({ speed: { commandMs: 10, workers: 2 } })
  const dataDir = freshDir()
  const server = await startedServer({
    BITRIX_WEBHOOK_URL: portal.webhookUrl,
    BITRIX_REQUEST_SECONDS: '1',
    DATA_DIR: dataDir
  })
  const id = await server.create(300)
  await expect.poll(async () => (await server.snapshot(id)).done, { timeout: 20_000 }).toBeGreaterThan(0)
  rmSync(dataDir, { recursive: true })
  await expectLost(server)
  expect(portal.state.counts().contacts).toBeLessThan(300)
})

test('a database that is replaced under an idle server ends it with one clear error', async () => {
  const dataDir = freshDir()
  const server = await startedServer({ DATA_DIR: dataDir })
  copyFileSync(join(dataDir, FILE), join(dataDir, 'copy'))
  renameSync(join(dataDir, 'copy'), join(dataDir, FILE))
  await expectLost(server)
})

/** As the kubelet mounts a volume: it belongs to root, and to a group of which the process is a member. */
const asGuest = async (mode: number) => {
  const volume = freshDir()
  const group = 4242
  chownSync(volume, 0, group)
  chmodSync(volume, mode)
  const child = spawn(process.execPath, ['dist/server/main.js'], {
    uid: 65_534,
    gid: group,
    env: { PORT: '0', DATA_DIR: volume },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  const closed = once(child, 'close')
  const ready = new Promise<void>(resolve => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString()
      if (said.includes('BitrixCorp: http')) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
  })
  await Promise.race([ready, closed])
  const started = child.exitCode === null
  child.kill('SIGTERM')
  await closed
  return { volume, started, said, code: child.exitCode }
}

test('a volume of somebody else that our group may write is used with a warning', async () => {
  const { volume, started, said, code } = await asGuest(0o2770)
  expect([started, code], said).toEqual([true, 0])
  const warnings = said.split('\n').filter(line => line.includes('"level":"warn"'))
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain(`${volume} belongs to another user: everybody in its group can read`)
})

test('a volume of somebody else that everybody may read is refused with what to do', async () => {
  const { volume, started, said, code } = await asGuest(0o2775)
  expect([started, code], said).toEqual([false, 1])
  expect(said).toContain(`Set DATA_DIR to a folder that is still to be made, such as ${volume}/bitrixcorp`)
  expect(said).toContain(`let the owner run: chmod o-rwx ${volume}`)
})
