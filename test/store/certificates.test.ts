// PostgreSQL behind TLS with a certificate of a private authority.
// Must stay true: a real server with ssl=on, and a certificate that openssl made for it.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { startCluster } from '../../chaos/cluster.ts'
import { openDatabase, StorageUnusable } from '../../server/store/database.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { buildPage } from '../support/site.ts'
import { startedServer } from '../support/started-server.ts'

beforeAll(buildPage)

/** An authority, and a certificate of it for a host. */
const authority = (host: string) => {
  const folder = freshDir()
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const request = ['req', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
  openssl(...request, '-x509', '-subj', '/CN=Private authority', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl(
    ...[...request, '-x509', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-subj', `/CN=${host}`],
    ...['-addext', `subjectAltName=DNS:${host}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-keyout', 'server.key', '-out', 'server.pem']
  )
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'server.pem'), key: join(folder, 'server.key') }
}

const secureServer = async (host: string) => {
  const { ca, cert, key } = authority(host)
  const cluster = await startCluster({ cert, key })
  onTestFinished(() => cluster.stop())
  return { ca, url: cluster.tlsUrl('postgres') }
}

const refusal = async (databaseUrl: string): Promise<string> => {
  const error: unknown = await openDatabase({ databaseUrl }).then(
    db => db.destroy(),
    reason => reason
  )
  expect(error).toBeInstanceOf(StorageUnusable)
  return error instanceof StorageUnusable ? error.message : ''
}

test('an unknown authority is refused with how to name it, and works once it is named', {
  timeout: 120_000
}, async () => {
  const { ca, url } = await secureServer('localhost')
  const message = await refusal(`${url}?sslmode=verify-full`)
  expect(message).toMatch(/shows a certificate that this machine does not trust \(/)
  expect(message).toContain('&sslrootcert=/path/to/ca.pem')
  expect(message).toContain('NODE_EXTRA_CA_CERTS=/path/to/ca.pem')
  await (await openDatabase({ databaseUrl: `${url}?sslmode=verify-full&sslrootcert=${ca}` })).destroy()
  const server = await startedServer({
    DATABASE_URL: `${url}?sslmode=verify-full`,
    NODE_EXTRA_CA_CERTS: ca,
    APP_SECRET: 'x'.repeat(32),
    DATA_DIR: freshDir()
  })
  expect(await server.ask('/health')).toMatchObject({ status: 200 })
  expect(await refusal(`${url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`)).toMatch(
    /cannot be used \(.*\/nowhere\/ca\.pem/
  )
})

test('a certificate for another name is refused with what to do', { timeout: 120_000 }, async () => {
  const { ca, url } = await secureServer('db.example.com')
  const message = await refusal(`${url}?sslmode=verify-full&sslrootcert=${ca}`)
  expect(message).toMatch(/certificate that is made out to another name \(.*db\.example\.com/)
  expect(message).toContain('Use the name in the certificate in DATABASE_URL')
})
