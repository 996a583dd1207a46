// Portals with whom no TLS session comes about, over real sockets: what is said, and that nothing had been sent.
// Must stay true: certificates are made when the test runs.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freshDir } from '../support/fresh-dir.ts'
import { connect } from './raw-portal.ts'

const commands = [{ key: 'c1', method: 'crm.company.add', params: { fields: { TITLE: 'A' } } }]

/** Signed by itself, for another host. */
const certificate = (): { key: Buffer; cert: Buffer } => {
  const folder = freshDir()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key]
  const name = ['-subj', '/CN=portal.example', '-addext', 'subjectAltName=DNS:portal.example']
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...keyOptions, '-out', cert, ...name], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

/** What a request to `https://127.0.0.1:<port of server>` fails with. */
const failureOf = async (server: Server): Promise<unknown> => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { client, portal } = connect(`https://127.0.0.1:${(server.address() as AddressInfo).port}`) // TCP
  onTestFinished(() => {
    client.close()
    server.close()
  })
  return portal.execute(commands, { halt: false }).then(
    () => 'an answer',
    (error: unknown) => error
  )
}

const httpsServer = (options: ServerOptions): { server: Server; requests: () => number } => {
  let count = 0
  const server = createHttpsServer({ ...certificate(), ...options }, (_, response) => {
    count += 1
    response.end()
  })
  return { server: server.on('tlsClientError', () => undefined), requests: () => count }
}

test('a self-signed certificate names the setting that makes its authority known', async () => {
  const { server, requests } = httpsServer({})
  expect(await failureOf(server)).toMatchObject({
    ...{ kind: 'blocked', code: 'TLS_FAILED', applied: 'no' },
    message: expect.stringMatching(/SELF_SIGNED.*NODE_EXTRA_CA_CERTS/)
  })
  expect(requests()).toBe(0)
})

test.each(['TLSv1', 'TLSv1.1'] as const)('a server with %s only is told from a lost answer', async version => {
  const { server, requests } = httpsServer({
    ...{ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
  })
  expect(await failureOf(server)).toMatchObject({
    ...{ kind: 'blocked', code: 'TLS_FAILED', applied: 'no' },
    message: expect.stringContaining('TLS 1.2 or newer')
  })
  expect(requests()).toBe(0)
})

test('a server that speaks no TLS is told so', async () => {
  const server = createTcpServer(socket => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  expect(await failureOf(server)).toMatchObject({ kind: 'blocked', code: 'TLS_FAILED', applied: 'no' })
})

test('a connection that is reset during the handshake has applied nothing, and is worth another try', async () => {
  const server = createTcpServer(socket => socket.once('data', () => socket.resetAndDestroy()))
  expect(await failureOf(server)).toMatchObject({ kind: 'unreachable', code: 'PORTAL_UNREACHABLE', applied: 'no' })
})
