// PostgreSQL for tests: TEST_DATABASE_URL, or a private cluster of this test file on a unix socket.
// Must stay true: without a server the tests fail and say how to install one; what was started is stopped, by its own handle.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'

const DEBIAN = '/usr/lib/postgresql'

/** The newest server on this machine. */
const findBinaries = (): string => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map(version => join(DEBIAN, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter)
  ]
  const found = folders.find(folder => ['initdb', 'postgres'].every(name => existsSync(join(folder, name))))
  if (found !== undefined) return found
  throw new Error(
    'The store is tested on PostgreSQL too, and none was found. Install it (apt-get install postgresql) or set TEST_DATABASE_URL to a server where databases may be created.'
  )
}

/** PostgreSQL refuses to run as root (stack.md, T10): then it runs as the user that its package made. */
const serverUser = (): { uid?: number; gid?: number } => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const ready = (server: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = ''
    server.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      if (output.includes('database system is ready to accept connections')) resolve()
    })
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${output}`)))
  })

interface Cluster {
  readonly url: (database: string) => string
  readonly stop: () => Promise<void>
}

const startCluster = async (): Promise<Cluster> => {
  const binaries = findBinaries()
  const user = serverUser()
  const folder = mkdtempSync(join(tmpdir(), 'pg-'))
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  // LC_ALL: the server's messages are read.
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C' } }
  execFileSync(join(binaries, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '-N'], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe']
  })
  // No fsync: what a power cut does to PostgreSQL is not our test.
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off', 'shared_buffers=16MB']
  const server = spawn(join(binaries, 'postgres'), ['-D', data, ...settings.flatMap(setting => ['-c', setting])], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe']
  })
  const killed = (): boolean => server.kill('SIGQUIT')
  process.once('exit', killed)
  await ready(server)
  return {
    url: database => `postgres://postgres@localhost/${database}?host=${encodeURIComponent(folder)}`,
    async stop() {
      const gone = new Promise(resolve => server.once('exit', resolve))
      server.kill('SIGINT') // fast shutdown: open connections are cut
      await gone
      process.off('exit', killed)
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

const given = process.env.TEST_DATABASE_URL
let cluster: Promise<Cluster> | undefined
const made: string[] = []

const urlOf = async (database?: string): Promise<string> => {
  if (given === undefined || given === '') {
    cluster ??= startCluster()
    return (await cluster).url(database ?? 'postgres')
  }
  const url = new URL(given)
  if (database !== undefined) url.pathname = `/${database}`
  return url.href
}

/** One statement on a database, on a connection of its own. */
export const query = async (url: string, text: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

/** The address of a new, empty database. */
export const createPostgresDatabase = async (): Promise<string> => {
  const name = `bitrixcorp_test_${randomBytes(6).toString('hex')}`
  await query(await urlOf(), `create database ${name}`)
  made.push(name)
  return urlOf(name)
}

// Before all tests, so that starting the server is not on the time of the first one.
beforeAll(async () => {
  await query(await urlOf(), 'select 1')
})

afterAll(async () => {
  if (cluster !== undefined) await (await cluster).stop()
  else for (const name of made) await query(await urlOf(), `drop database if exists ${name} with (force)`)
})
