// The address of an incoming webhook, read from BITRIX_WEBHOOK_URL.
// Must stay true: pure; the secret is in no message, and in nothing that a log or an inspection of the value would print.
import { z } from 'zod'
import { isLoopbackHost } from './portal-hosts.ts'

const EXAMPLE = 'https://portal.bitrix24.com/rest/1/xxxxxxxxxxxxxxxx/'

/** Where a webhook calls its portal. The secret lives in a private field: JSON, spreads and util.inspect never see it. */
export class Webhook {
  /** Host[:port] as people know it. */
  readonly host: string
  readonly userId: number
  readonly #origin: string
  readonly #secret: string

  constructor(origin: string, host: string, userId: number, secret: string) {
    this.#origin = origin
    this.host = host
    this.userId = userId
    this.#secret = secret
  }

  get secret(): string {
    return this.#secret
  }

  /** Without a trailing slash; method names follow. Holds the secret. */
  get endpoint(): string {
    return `${this.#origin}/rest/${this.userId}/${this.#secret}`
  }
}

const isPrivateV4 = (host: string): boolean => {
  const [a, b, c, d] = host.split('.').map(Number)
  if (a === undefined || b === undefined || c === undefined || d === undefined) return false
  return a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168)
}

/**
 * Loopback and private on-premise hosts, where plain http does not carry the secret over the internet.
 * Takes the host as WHATWG URL prints it (odd IPv4 spellings are normalised already). Names count as private when public
 * DNS does not hold them: localhost, single labels (containers, intranets), .local, .internal, .home.arpa, and the
 * .lan, .corp and .intranet of offices.
 */
const isPrivateHost = (host: string): boolean => {
  if (isLoopbackHost(host)) return true
  if (host.startsWith('[')) return /^\[f[cd][0-9a-f]{2}:/.test(host)
  if (/^\d+(\.\d+){3}$/.test(host)) return isPrivateV4(host)
  return !host.includes('.') || /\.(localhost|local|internal|home\.arpa|lan|corp|intranet)$/.test(host)
}

/** The parsed webhook, or what is wrong with the address. */
const parse = (text: string): Webhook | string => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return `must be an address: copy the webhook from the portal, for example ${EXAMPLE}`
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `must begin with https://, for example ${EXAMPLE}`
  if (url.protocol === 'http:' && !isPrivateHost(url.hostname)) {
    return `must begin with https://, because its secret would travel unprotected (plain http is for loopback and private hosts only), for example ${EXAMPLE}`
  }
  if (url.username !== '' || url.password !== '')
    return `must not hold a user name or password before the host, for example ${EXAMPLE}`
  if (url.search !== '' || url.hash !== '')
    return `must end after the secret: remove everything from "?" or "#" on, for example ${EXAMPLE}`
  const [rest, user, secret, ...more] = url.pathname.replace(/\/$/, '').split('/').slice(1)
  if (rest !== 'rest' || user === undefined || secret === undefined) {
    return `must have the path /rest/<user>/<secret>/, for example ${EXAMPLE}`
  }
  if (more.length > 0) return `must end after the secret: remove the method name behind it, for example ${EXAMPLE}`
  if (!/^[1-9]\d{0,14}$/.test(user)) return `must have the number of a user behind /rest/, for example ${EXAMPLE}`
  // At least 4 characters: a shorter one could not be blotted out of texts without harming them (bitrix24/client.ts).
  if (!/^[A-Za-z0-9_-]{4,128}$/.test(secret))
    return `must end with a secret of 4 to 128 letters and digits: copy it whole, for example ${EXAMPLE}`
  return new Webhook(url.origin, url.host, Number(user), secret)
}

/** `https://<portal>/rest/<user>/<secret>/`, trailing slash optional → {@link Webhook}. Messages read on after the variable's name and never echo the secret. */
export const webhookUrlSchema = z.string().transform((text, context) => {
  const webhook = parse(text.trim())
  if (typeof webhook !== 'string') return webhook
  context.issues.push({ code: 'custom', message: webhook, input: undefined })
  return z.NEVER
})
