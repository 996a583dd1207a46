// A private PostgreSQL server in a temporary folder, on a unix socket: for chaos, and for the tests of the store.
// Must stay true: what was started is stopped by its own handle, also when this process exits; `stop` leaves nothing on the disk.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const DEBIAN = '/usr/lib/postgresql'

/** How to call the newest server on this machine: Debian keeps its programs out of the PATH. */
const findProgram = (): ((name: 'initdb' | 'postgres') => string) => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  const programs = ['initdb', 'postgres'] as const
  const folder = versions
    .map(version => join(DEBIAN, version, 'bin'))
    .find(bin => programs.every(name => existsSync(join(bin, name))))
  if (folder !== undefined) return name => join(folder, name)
  if (programs.every(name => spawnSync(name, ['--version']).status === 0)) return name => name
  throw new Error('No PostgreSQL server was found on this machine. Install it: apt-get install postgresql')
}

/** PostgreSQL, and its pooler, refuse to run as root (stack.md, T10): then they run as the user that its package made. */
export const serverUser = (): { uid?: number; gid?: number } => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const ready = (server: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = ''
    server.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-8000)
      if (output.includes('database system is ready to accept connections')) resolve()
    })
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${output}`)))
  })

/** Paths of a certificate and its key. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

/** PostgreSQL cannot choose one itself. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** Settings for TLS on loopback; the key has to be the server's own. */
const tlsSettings = (tls: Tls, folder: string, port: number, user: { uid?: number; gid?: number }): string[] => {
  const put = (from: string, name: string): string => {
    const path = join(folder, name)
    copyFileSync(from, path)
    chmodSync(path, 0o600)
    if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid)
    return path
  }
  const files = [`ssl_cert_file=${put(tls.cert, 'server.pem')}`, `ssl_key_file=${put(tls.key, 'server.key')}`]
  return ['listen_addresses=127.0.0.1', `port=${port}`, 'ssl=on', ...files]
}

export interface Cluster {
  url(database: string): string
  /** Over TLS, where it was started with it. */
  tlsUrl(database: string): string
  stop(): Promise<void>
}

/** `tls`: also on loopback, with that certificate. @throws {Error} when no server is installed, or it does not start */
export const startCluster = async (tls?: Tls): Promise<Cluster> => {
  const program = findProgram()
  const user = serverUser()
  const folder = mkdtempSync(join(tmpdir(), 'pg-'))
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    const initialise = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '-N']
    execFileSync(program('initdb'), initialise, { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    const port = tls === undefined ? 5432 : await freePort()
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${folder}`,
      // What a power cut does to PostgreSQL is not our test.
      'fsync=off',
      'shared_buffers=16MB',
      // Each of our processes may hold ten, and a killed one's linger.
      'max_connections=200',
      // Its messages are read.
      'lc_messages=C',
      ...(tls === undefined ? [] : tlsSettings(tls, folder, port, user))
    ]
    const server = spawn(program('postgres'), ['-D', data, ...settings.flatMap(setting => ['-c', setting])], {
      ...user,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe']
    })
    // Asked for at once: Ctrl-C reaches it too, and may have ended it before us.
    const gone = new Promise(resolve => server.once('exit', resolve))
    const killed = (): boolean => server.kill('SIGQUIT')
    process.once('exit', killed)
    await ready(server)
    return {
      url: database => `postgres://postgres@localhost/${database}?host=${encodeURIComponent(folder)}`,
      tlsUrl: database => `postgres://postgres@localhost:${port}/${database}`,
      async stop() {
        server.kill('SIGINT') // fast shutdown: open connections are cut
        await gone
        process.off('exit', killed)
        removeFolder()
      }
    }
  } catch (error) {
    removeFolder()
    throw error
  }
}
