// Under which addresses the app answers, through real sockets: its own, in the spelling that browsers print.
// Must stay true: every other spelling of the same address is refused, also where the socket behind it is ours.
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { printedAddress } from '../../server/http/hosts.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

/** Sends the request to this address of the machine, and gives the answer's first line and body. */
const ask = async (app: HttpApp, address: string, head: string): Promise<string> => {
  const socket = connect(app.port, address).end(`GET ${head}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}
const asked = (app: HttpApp, address: string, host: string): Promise<string> =>
  ask(app, address, `/bitrix/status HTTP/1.1\r\nHost: ${host}`)

/** Other ways to write an address of this machine, and addresses that are none. */
const FOREIGN = [
  ...[
    '0.0.0.0',
    '0',
    '0x0',
    '[::]',
    '[0:0:0:0:0:0:0:0]',
    '127.1',
    '127.0.1',
    '2130706433',
    '017700000001',
    '0x7f000001'
  ],
  ...['0x7f.0.0.1', '0177.0.0.1', '127.0.0.01', '127.0.0.256', '127.0.0.1.', 'localhost.', '127.0.0.1.evil.example'],
  ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[0:0:0:0:0:0:0:1]', '[::1%25lo]', '[::2]', '::1'],
  ...['192.168.7.7', '10.0.0.1', '128.0.0.1', 'evil.example', 'x.localhost', '１２７.0.0.1', '127.0.0.1@evil.example']
]
const OWN = ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '[::1]']

describe('the Host header', () => {
  for (const host of ['127.0.0.1', '::', '0.0.0.0']) {
    test(`is one of ours, in its canonical spelling, where HOST is ${host}`, async () => {
      const app = await openHttpApp({ host })
      for (const own of OWN) {
        for (const port of ['', `:${app.port}`, ':1']) {
          expect(await asked(app, '127.0.0.1', own + port), own + port).toMatch(/^HTTP\/1\.1 200 /)
        }
      }
      for (const foreign of FOREIGN) {
        for (const port of ['', `:${app.port}`]) {
          const answer = await asked(app, '127.0.0.1', foreign + port)
          expect(answer, foreign + port).toMatch(/^HTTP\/1\.1 403 .*"error":"FORBIDDEN"/s)
        }
      }
    })
  }

  test('is the name of HOST, and that of PUBLIC_URL, and no name around them', async () => {
    const app = await openHttpApp({ host: 'localhost', publicUrl: 'https://bitrixcorp.example.com' })
    expect((await app.send('/health', { headers: { host: 'bitrixcorp.example.com' } })).status).toBe(200)
    for (const host of ['x.bitrixcorp.example.com', 'bitrixcorp.example.com.evil.example', 'bitrixcorp.example.com.']) {
      expect((await app.send('/health', { headers: { host } })).status, host).toBe(403)
    }
  })

  test('is the address that the connection came to, and not another of this machine', async () => {
    const outside = Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80'))
      .map(({ address }) => ({ address, printed: printedAddress(address) ?? '' }))
    const app = await openHttpApp({ host: '::' })
    for (const { address, printed } of outside) {
      expect(await asked(app, address, `${printed}:${app.port}`), printed).toMatch(/^HTTP\/1\.1 200 /)
      expect(await asked(app, '127.0.0.1', `${printed}:${app.port}`), printed).toMatch(/^HTTP\/1\.1 403 /)
    }
    expect(await asked(app, '::1', `[::1]:${app.port}`)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('comes once', async () => {
    const app = await openHttpApp()
    for (const second of ['localhost', 'evil.example', '127.0.0.1', '']) {
      const answer = await ask(app, '127.0.0.1', `/bitrix/status HTTP/1.1\r\nHost: localhost\r\nHost: ${second}`)
      expect(answer, second).toMatch(/^HTTP\/1\.1 400 .*"error":"INVALID_INPUT"/s)
    }
  })
})

test('addresses are printed as browsers print them', () => {
  for (const [address, printed] of [
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::1', '[::1]'],
    ['fe80::1%eth0', '[fe80::1]'],
    ['2001:DB8:0:0:0:0:0:1', '[2001:db8::1]'],
    ['localhost', undefined],
    ['127.1', undefined],
    ['', undefined]
  ] as const) {
    expect(printedAddress(address), address).toBe(printed)
  }
})
