// Which hosts count as portals: the allow-list of BITRIX_PORTAL_HOSTS.
// Must stay true: pure; no spelling of a host gets through that is not exactly what the list says.

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*(?::\\d{1,5})?$`)
const ONE_LABEL = new RegExp(`^${LABEL}$`)
const IPV6 = /^\[[0-9a-f:]+\](?::\d{1,5})?$/
const IPV4 = /^\d+(?:\.\d+){3}(?::\d{1,5})?$/

/**
 * A host[:port] as URLs print it: lower case, without the default port. Undefined for everything that is written in another way:
 * with a user before it, a dot behind it, an IP address in decimal, octal or hex, or anything else that is not a host.
 */
export const canonicalHost = (text: string): string | undefined => {
  const host = text.toLowerCase().replace(/:443$/, '')
  if (host.length > 260 || !(NAME.test(host) || IPV6.test(host)) || !URL.canParse(`https://${host}`)) return undefined
  // `2130706433`, `0x7f.1` and `0177.0.0.1` come out of the parser as 127.0.0.1.
  return new URL(`https://${host}`).host === host ? host : undefined
}

/** A zone stands for one label before it, as in a certificate; IP addresses and ports count only when listed themselves. */
const matches = (host: string, entry: string): boolean => {
  if (!entry.startsWith('*.')) return host === (canonicalHost(entry) ?? entry)
  const zone = entry.slice(1)
  return !IPV4.test(host) && host.endsWith(zone) && ONE_LABEL.test(host.slice(0, -zone.length))
}

/** The host in its canonical spelling when the list allows it. `list`: `*.zone[:port]` or `host[:port]`, lower case. */
export const allowedHost = (text: string, list: readonly string[]): string | undefined => {
  const host = canonicalHost(text)
  return host !== undefined && list.some(entry => matches(host, entry)) ? host : undefined
}

/** Hosts that never leave this machine. Takes a canonical host[:port], or a bare address as one listens on it. */
export const isLoopbackHost = (host: string): boolean =>
  host === '::1' || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/.test(host)

/** The origin of an address of a portal: https, or http on loopback, on an allowed host; undefined for all others. */
export const allowedOrigin = (address: string, list: readonly string[]): string | undefined => {
  if (!URL.canParse(address)) return undefined
  const { protocol, host, username, password, origin } = new URL(address)
  if (username !== '' || password !== '' || allowedHost(host, list) === undefined) return undefined
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(host)) ? origin : undefined
}
