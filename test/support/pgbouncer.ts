// A real PgBouncer in transaction mode before a test's database, on a unix socket.
// Must stay true: its connections to the server are few, so that clients share them; it is ended by its own handle with its test.
import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { serverUser } from '../../chaos/cluster.ts'
import { query } from './postgres.ts'

const PROGRAM = '/usr/sbin/pgbouncer'
const PORT = 6432

export interface Pooler {
  /** The address of the database through it. */
  readonly databaseUrl: string
  /** Its connections to the server are opened anew. */
  reconnect(): Promise<void>
}

const ready = (pooler: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = ''
    pooler.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-8000)
      if (output.includes('process up')) resolve()
    })
    pooler.once('error', reject)
    pooler.once('exit', () => reject(new Error(`PgBouncer did not start:\n${output}`)))
  })

/** `connections`: to the server. @throws {Error} when it is not installed, or does not start */
export const openPooler = async (databaseUrl: string, connections: number): Promise<Pooler> => {
  if (!existsSync(PROGRAM))
    throw new Error('No PgBouncer was found on this machine. Install it: apt-get install pgbouncer')
  const url = new URL(databaseUrl)
  const name = url.pathname.slice(1)
  const { username: user } = url
  const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const ids = serverUser()
  if (ids.uid !== undefined && ids.gid !== undefined) chownSync(folder, ids.uid, ids.gid)
  writeFileSync(join(folder, 'users.txt'), `"${user}" ""\n`)
  const server = `host=${url.searchParams.get('host') ?? url.hostname} port=${url.port || 5432} dbname=${name}`
  const settings = [
    ...['[databases]', `${name} = ${server}`, '[pgbouncer]', 'pool_mode = transaction', 'listen_addr ='],
    ...[`unix_socket_dir = ${folder}`, `listen_port = ${PORT}`, `default_pool_size = ${connections}`],
    ...['auth_type = trust', `auth_file = ${join(folder, 'users.txt')}`, `admin_users = ${user}`]
  ]
  writeFileSync(join(folder, 'pgbouncer.ini'), settings.join('\n'))
  const pooler = spawn(PROGRAM, [join(folder, 'pgbouncer.ini')], {
    ...ids,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe']
  })
  const gone = new Promise(resolve => pooler.once('exit', resolve))
  onTestFinished(async () => {
    pooler.kill('SIGINT')
    await gone
  })
  await ready(pooler)
  const at = (database: string): string =>
    `postgres://${user}@localhost:${PORT}/${database}?host=${encodeURIComponent(folder)}`
  return {
    databaseUrl: at(name),
    async reconnect() {
      await query(at('pgbouncer'), 'reconnect')
    }
  }
}
