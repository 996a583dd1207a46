// Which hosts count as portals.
// Must stay true: what is allowed is spelled exactly as a URL parser prints it, and matches an entry of the list.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allowedHost, allowedOrigin, canonicalHost, isLoopbackHost } from '../../server/core/portal-hosts.ts'

const LIST = ['*.bitrix24.com', '*.bitrix24.com.br', 'portal.local:8443', '127.0.0.1:4000', '[::1]:4000', '*.0.0.1']

test('allows one label before a zone, exact hosts with their port, and any letter case', () => {
  for (const host of [
    'portal.bitrix24.com',
    'a.bitrix24.com.br',
    'portal.local:8443',
    '127.0.0.1:4000',
    '[::1]:4000'
  ]) {
    expect(allowedHost(host, LIST)).toBe(host)
    expect(allowedHost(host.toUpperCase(), LIST)).toBe(host)
  }
  expect(allowedHost('portal.bitrix24.com:443', LIST)).toBe('portal.bitrix24.com')
})

test('refuses other spellings, other ports, neighbours of a zone, and addresses in disguise', () => {
  for (const host of [
    ...[
      '',
      '.',
      'bitrix24.com',
      '.bitrix24.com',
      '-.bitrix24.com',
      'a.b.bitrix24.com',
      'portal.bitrix24.com.',
      'xbitrix24.com'
    ],
    ...[
      'portal.bitrix24.com.evil.tld',
      'portal.example.evil.tld',
      'portal.bitrix24.com:8443',
      'portal.local',
      'portal.local:1'
    ],
    ...[
      'user@portal.bitrix24.com',
      'portal.bitrix24.com@evil.tld',
      'portal.bitrix24.com/x',
      'evil.tld#.bitrix24.com',
      'evil.tld?.bitrix24.com'
    ],
    ...[
      '127.0.0.1',
      '2130706433:4000',
      '0x7f.0.0.1:4000',
      '0177.0.0.1:4000',
      '127.1:4000',
      '127.0.0.1.:4000',
      '127.0.0.1:04000'
    ],
    ...[
      '\u2460.bitrix24.com',
      'ｐortal.bitrix24.com',
      'p ortal.bitrix24.com',
      'portal\t.bitrix24.com',
      'портал.bitrix24.com',
      '*.bitrix24.com'
    ]
  ]) {
    expect(allowedHost(host, LIST), host).toBeUndefined()
  }
})

test('whatever the text, an allowed host is canonical and named by the list', () => {
  const piece = fc.constantFrom(
    'portal',
    'bitrix24',
    'com',
    '.',
    '@',
    ':',
    '/',
    '#',
    '?',
    '443',
    '127.0.0.1',
    '0x7f',
    '\\',
    '%2e',
    ' ',
    '-',
    '*',
    '[::1]',
    'evil'
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map(parts => parts.join('')),
    fc.webAuthority()
  )
  fc.assert(
    fc.property(text, candidate => {
      const host = allowedHost(candidate, LIST)
      if (host === undefined) return
      expect(new URL(`https://${host}/`).host).toBe(host)
      const label = /^([a-z0-9-]+)\.bitrix24\.com(\.br)?$/.exec(host)?.[1]
      expect(LIST.includes(host) || label !== undefined).toBe(true)
    })
  )
})

test('a portal with any one label is allowed, with anything behind it refused', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/), fc.domain(), (label, domain) => {
      // Punycode that decodes to nothing is no host for a URL parser.
      fc.pre(URL.canParse(`https://${label}.bitrix24.com`))
      expect(allowedHost(`${label}.bitrix24.com`, LIST)).toBe(`${label}.bitrix24.com`)
      expect(allowedHost(`${label}.bitrix24.com.${domain}`, ['*.bitrix24.com'])).toBeUndefined()
      expect(canonicalHost(`${label}@bitrix24.com`)).toBeUndefined()
    })
  )
})

describe('origins', () => {
  test('are https; http only on this machine', () => {
    expect(allowedOrigin('https://portal.bitrix24.com/rest/', LIST)).toBe('https://portal.bitrix24.com')
    expect(allowedOrigin('http://127.0.0.1:4000/rest/', LIST)).toBe('http://127.0.0.1:4000')
    for (const address of [
      ...[
        'http://portal.bitrix24.com/rest/',
        'http://portal.local:8443/',
        'https://u@portal.bitrix24.com/',
        'https://:p@portal.bitrix24.com/'
      ],
      ...[
        'ftp://127.0.0.1:4000/',
        'portal.bitrix24.com',
        '',
        'https://evil.tld/portal.bitrix24.com',
        'http://127.0.0.1:4001/'
      ]
    ]) {
      expect(allowedOrigin(address, LIST), address).toBeUndefined()
    }
  })

  test('of this machine are loopback names and addresses alone', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9:80', '[::1]:4000', '::1'])
      expect(isLoopbackHost(host)).toBe(true)
    for (const host of ['localhost.evil.tld', '127.0.0.1.evil.tld', '128.0.0.1', '10.0.0.1', '[::2]', '::1:80', '::']) {
      expect(isLoopbackHost(host)).toBe(false)
    }
  })
})
