// The one place that classifies what went wrong: with a whole request, and with one command of a batch.
// Must stay true: "not applied" is said only where it is certain; no address, header or error object of the transport gets out.
import { type CommandOutcome, PortalFailure } from '../core/portal.ts'
import { adviceFor, adviceForAccess, isAboutPlan } from './advice.ts'
import { isUnsent } from './agents.ts'
import type { RawReply } from './client.ts'
import { type PortalError, parseJson, readErrorEnvelope } from './reply.ts'

/** The portal itself broke down in the middle: what it had done until then is not known (protocol.md, 1.6 and 1.7). */
const brokenDown = new Set(['INTERNAL_SERVER_ERROR', 'ERROR_UNEXPECTED_ANSWER'])

const say = (advice: string, { message }: PortalError): string =>
  message === '' ? advice : `${advice} (Bitrix24: ${message})`.slice(0, 500)

const blocked = (code: string, message: string): PortalFailure => new PortalFailure('blocked', code, message)

/** Said by something on the way; it may have passed the request on before. */
const applied = 'unknown'
const barred = (code: string, message: string): PortalFailure =>
  new PortalFailure('blocked', code, message, { applied })

const lost = (code: string, message: string, cause?: Error): PortalFailure =>
  new PortalFailure('lost', code, message, cause === undefined ? {} : { cause })

/** Nothing that we hold lets us act for a person any more. */
export const grantEnded = (): PortalFailure =>
  blocked(
    'INVALID_GRANT',
    'Bitrix24 does not accept the access of the application any more. Open the application in the portal again, then resume the run.'
  )

/** What a `Location` says about the portal's new address: its origin only, because the path holds the secret. */
const newOrigin = (location: string | undefined, host: string): string | undefined => {
  const base = `https://${host}/`
  if (location === undefined || !URL.canParse(location, base)) return undefined
  const { origin } = new URL(location, base)
  return origin === new URL(base).origin || origin === 'null' ? undefined : origin
}

const moved = ({ location }: RawReply, host: string): PortalFailure => {
  const target = newOrigin(location, host)
  return barred(
    'PORTAL_MOVED',
    target === undefined
      ? `${host} redirects instead of answering. Check that BITRIX_WEBHOOK_URL is the address of a Bitrix24 portal.`
      : `The portal ${host} has moved to ${target}. Put the new address into BITRIX_WEBHOOK_URL.`
  )
}

/** An answer without an error of Bitrix24's own: a page of some server on the way, or nothing readable. */
const failureOfPage = ({ status }: RawReply, host: string): PortalFailure => {
  if (status === 404) {
    return barred('WRONG_ADDRESS', `There is no Bitrix24 REST API at ${host}. Check the address of the webhook.`)
  }
  // A front server of an on-premise portal may say it without a code.
  if (status === 429) return new PortalFailure('intensity', 'HTTP_429', `${host} asks for fewer requests.`, { applied })
  // 408: a proxy may say it although the portal behind it works on.
  if (status >= 400 && status < 500 && status !== 408) {
    return barred(
      `HTTP_${status}`,
      `${host} refused the request (HTTP ${status}). Check the address and what is in front of it.`
    )
  }
  return status >= 300
    ? lost(`HTTP_${status}`, `${host} did not answer properly (HTTP ${status}). Try again later.`)
    : lost(
        'UNREADABLE_REPLY',
        `${host} sent an answer that cannot be read. Check that it is the address of a Bitrix24 portal.`
      )
}

/** Why an answer is no answer to a batch. @param host for texts */
export const failureOfReply = (reply: RawReply, host: string): PortalFailure => {
  const { status } = reply
  if (status >= 300 && status < 400) return moved(reply, host)
  const error = readErrorEnvelope(parseJson(reply.body))
  if (error === undefined) return failureOfPage(reply, host)
  const { code, message } = error
  // Clients must key on the code, not on the status: the two are combined differently by source, docs and portals (1.7).
  if (code === 'QUERY_LIMIT_EXCEEDED') return new PortalFailure('intensity', code, `${host} asks for fewer requests.`)
  if (code === 'OPERATION_TIME_LIMIT') {
    return new PortalFailure(
      'operating',
      code,
      `${host} has blocked the method for some minutes, because it worked too long.`
    )
  }
  if (code === 'ACCESS_DENIED') return blocked(code, say(adviceForAccess(message), error))
  const advice = adviceFor(code)
  if (advice !== undefined) return blocked(code, say(advice, error))
  // An exception without a code of its own may have come up while commands were executed.
  const certain = status >= 400 && status < 500 && status !== 408 && !['', 'ERROR_CORE'].includes(code)
  return certain && !brokenDown.has(code)
    ? blocked(
        code,
        say(`${host} refused the request with ${code}. Look it up in the Bitrix24 REST documentation.`, error)
      )
    : lost(
        code === '' ? `HTTP_${status}` : code,
        say(`${host} broke down while it worked on the request. Try again later.`, error)
      )
}

interface Fault {
  readonly code: string
  readonly syscall: string
  readonly message: string
  /** No byte of the request had left. */
  readonly unsent: boolean
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The innermost errors: SDK, axios and Node wrap one another; several addresses of a host fail as an AggregateError. */
const faultsOf = (error: unknown, unsent = false, depth = 0): Fault[] => {
  if (typeof error !== 'object' || error === null || depth > 6) return []
  const early = unsent || isUnsent(error)
  const { originalError, cause, errors, code, syscall, message } = error as Record<string, unknown> // unknown members only
  const inner = Array.isArray(errors) && errors.length > 0 ? errors : [originalError ?? cause]
  const deeper = inner.flatMap(one => faultsOf(one, early, depth + 1))
  const own = { code: textOf(code), syscall: textOf(syscall), message: textOf(message), unsent: early }
  return deeper.length > 0 ? deeper : [own]
}

/** Nothing was sent: no address, no connection, or no TLS session on it. */
const neverConnected = ({ syscall, unsent }: Fault): boolean =>
  unsent || syscall === 'connect' || syscall === 'getaddrinfo'

/** The network broke off, or nobody answered; everything else that ends a handshake is about TLS. */
const NETWORK = /^(E(CONN\w+|PIPE|HOST\w+|NET\w+|AI_\w+|TIMEDOUT|ADDR\w+|ACCES|PERM|MFILE|NFILE)|)$/

/** Certificate refused, TLS of another version, or no TLS spoken there: found before anything was sent. */
const untrusted = (fault: Fault): boolean =>
  fault.unsent && !['connect', 'getaddrinfo'].includes(fault.syscall) && !NETWORK.test(fault.code)

/** Of an authority that this machine does not know, or of none. */
const unknownAuthority = ({ code }: Fault): boolean => /^(DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_)/.test(code)

/** Cut off by our own limit; axios gives the case no code of its own. */
const tooLarge = ({ message }: Fault): boolean => message.startsWith('maxContentLength size of')

const timedOut = ({ code }: Fault): boolean =>
  ['ECONNABORTED', 'ERR_CANCELED', 'ETIMEDOUT', 'REQUEST_TIMEOUT'].includes(code)

/** Why a request got no answer at all. Only codes of the error survive: its objects hold the address with the secret. */
export const failureOfTransport = (error: unknown, host: string): PortalFailure => {
  const faults = faultsOf(error)
  const codes = [...new Set(faults.map(({ code }) => code).filter(code => /^\w+$/.test(code)))].join(', ') || 'no code'
  const cause = new Error(`Transport: ${codes}`)
  if (faults.some(untrusted)) {
    const text = faults.some(unknownAuthority)
      ? `The certificate of ${host} is signed by nobody whom this machine knows (${codes}). If it is your own, set NODE_EXTRA_CA_CERTS to the file with the certificate of its authority, and start again.`
      : `No trusted connection to ${host} (${codes}). Check its certificate, and that it speaks https with TLS 1.2 or newer.`
    return new PortalFailure('blocked', 'TLS_FAILED', text, { cause })
  }
  if (faults.length > 0 && faults.every(neverConnected)) {
    const text = `The portal ${host} cannot be reached (${codes}). Check its address and the network.`
    return new PortalFailure('unreachable', 'PORTAL_UNREACHABLE', text, { cause })
  }
  if (faults.some(tooLarge)) {
    const text = `${host} sent an answer that is larger than any of Bitrix24's. Check that it is the address of a Bitrix24 portal.`
    return lost('ANSWER_TOO_LARGE', text, cause)
  }
  if (faults.some(timedOut)) return lost('TIMED_OUT', `${host} did not answer in time. Try again later.`, cause)
  return lost('CONNECTION_LOST', `The connection to ${host} was lost before the answer was complete (${codes}).`, cause)
}

/** What the error of one command means for it. */
export const outcomeOfError = (error: PortalError): CommandOutcome => {
  const { code, message } = error
  if (code === 'OPERATION_TIME_LIMIT' || code === 'QUERY_LIMIT_EXCEEDED') return { kind: 'limited', code }
  const advice = adviceFor(code)
  if (advice !== undefined) return { kind: 'blocked', code, message: say(advice, error) }
  if (code === 'ACCESS_DENIED' && isAboutPlan(message))
    return { kind: 'blocked', code, message: say(adviceForAccess(message), error) }
  // ERROR_CORE is validation mostly; only a failed SQL query leaves open what was written before it (protocol.md, 1.6).
  if (brokenDown.has(code) || (code === 'ERROR_CORE' && /^SQL query error/i.test(message))) {
    return { kind: 'unknown', message: message === '' ? code : message }
  }
  if (/^Disk resource exhausted/i.test(message)) {
    const text = 'The disk space of the portal is used up. Free some or extend the plan.'
    return { kind: 'blocked', code: code === '' ? 'DISK_EXHAUSTED' : code, message: say(text, error) }
  }
  return { kind: 'refused', code, message }
}
