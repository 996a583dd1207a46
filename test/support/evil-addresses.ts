// Hosts and addresses that a request may name and that nobody may be sent to, by the trick that each of them plays.
// Must stay true: those that lead to this machine lead to the canary, so that a contact shows.

export interface Places {
  /** Of the canary, which listens on every address of this machine. */
  readonly port: number
  /** An allowed host[:port]. */
  readonly own: string
}

/** In the place of a portal's host. */
export const evilHosts = ({ port, own }: Places) => ({
  loopback: [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    `0.0.0.0:${port}`,
    `127.9.9.9:${port}`,
    '127.0.0.1',
    'localhost'
  ],
  'link-local': ['169.254.169.254', '169.254.169.254:80', '[fe80::1]', '[fe80::1%25lo]', 'metadata.google.internal'],
  private: ['10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '[fd00::1]', 'portal', 'portal.local'],
  'decimal, octal and hex': [
    ...[`2130706433:${port}`, `017700000001:${port}`, `0177.0.0.1:${port}`, `0x7f000001:${port}`, `0x7f.0.0.1:${port}`],
    ...[`127.1:${port}`, `127.0.1:${port}`, `127.0.0.01:${port}`, `0:${port}`, `[::ffff:2130706433]:${port}`]
  ],
  IPv6: [`[::1]:${port}`, `[0:0:0:0:0:0:0:1]:${port}`, `[::]:${port}`, '::1', '[::1]', `[::1%25lo]:${port}`],
  'IPv4 in IPv6': [
    ...[`[::ffff:127.0.0.1]:${port}`, `[::ffff:7f00:1]:${port}`, `[::127.0.0.1]:${port}`, `[64:ff9b::7f00:1]:${port}`],
    ...[`[::FFFF:127.0.0.1]:${port}`, '[::ffff:169.254.169.254]', '[::ffff:10.0.0.1]']
  ],
  'user@host': [
    ...[`user@127.0.0.1:${port}`, `${own}@127.0.0.1:${port}`, `portal.bitrix24.com@127.0.0.1:${port}`],
    ...[`portal.bitrix24.com:x@127.0.0.1:${port}`, `user@${own}`, 'user@portal.bitrix24.com', `@127.0.0.1:${port}`]
  ],
  'evil.tld': [
    ...['portal.example.evil.tld', 'portal.bitrix24.com.evil.tld', 'bitrix24.com.evil.tld', 'xbitrix24.com'],
    ...['evil-bitrix24.com', 'bitrix24.com', '.bitrix24.com', 'a.b.bitrix24.com', '*.bitrix24.com', `${own}.evil.tld`]
  ],
  'trailing dots': [
    `127.0.0.1.:${port}`,
    'portal.bitrix24.com.',
    'portal.bitrix24.com..',
    `localhost.:${port}`,
    '.',
    '..'
  ],
  IDN: [
    ...[
      'ｐortal.bitrix24.com',
      'portal.ｂitrix24.com',
      'portal.bitrix24。com',
      'portal.bitrix24.cⓞm',
      'portal\u00AD.bitrix24.com'
    ],
    ...['портал.bitrix24.com', 'portal.bitrıx24.com', `１２７.0.0.1:${port}`, `127。0。0。1:${port}`]
  ],
  'foreign ports': [
    ...[
      `${own.split(':')[0]}:${port}`,
      `${own.split(':')[0]}`,
      `portal.bitrix24.com:${port}`,
      'portal.bitrix24.com:80'
    ],
    ...[
      'portal.bitrix24.com:0',
      'portal.bitrix24.com:0443',
      'portal.bitrix24.com:65979',
      'portal.bitrix24.com:-1',
      `${own}0`
    ]
  ],
  'parts of a URL': [
    ...[`127.0.0.1:${port}#.bitrix24.com`, `127.0.0.1:${port}/.bitrix24.com`, `127.0.0.1:${port}?.bitrix24.com`],
    ...[
      `127.0.0.1:${port}\\.bitrix24.com`,
      `http://127.0.0.1:${port}`,
      `//127.0.0.1:${port}`,
      `127.0.0.1:${port};.bitrix24.com`
    ],
    ...[
      'portal.bitrix24.com/../x',
      'portal%2ebitrix24.com',
      '%70ortal.bitrix24.com',
      '<script>.bitrix24.com',
      'portal.bitrix24.com,evil.tld'
    ]
  ],
  'spaces, line ends and null bytes': [
    ...[' portal.bitrix24.com', 'portal.bitrix24.com ', 'portal.bitrix24.com\t', 'portal\u0000.bitrix24.com'],
    ...[
      'portal.bitrix24.com\u0000',
      'portal.bitrix24.com\r\nSet-Cookie: a=b',
      'portal.bitrix24.com\n',
      'p;script-src *'
    ]
  ]
})

/** In the place of an authorization server's address. `own`: the host of an allowed one, which speaks http. */
export const evilEndpoints = ({ port, own }: Places): Record<string, readonly string[]> => {
  const hosts = Object.entries(evilHosts({ port, own })).map(([trick, list]): [string, readonly string[]] => [
    trick,
    list.flatMap(host => [`http://${host}/rest/`, `https://${host}/rest/`])
  ])
  return {
    ...Object.fromEntries(hosts),
    'other schemes': [
      ...[`https://${own}/rest/`, `ftp://${own}/rest/`, `ws://${own}/`, 'file:///etc/passwd', 'javascript:alert(1)'],
      ...[
        'data:text/plain,x',
        'blob:null',
        `//${own}/rest/`,
        own,
        `${own}/rest/`,
        'oauth.bitrix.info',
        '/rest/',
        '//evil.tld',
        'x',
        '?'
      ]
    ]
  }
}
