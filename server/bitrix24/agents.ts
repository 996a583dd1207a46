// Connections to portals: kept alive, but not for so long that a server closes them under us.
// Must stay true: a connection that cannot be made fails as `connect`, so that the failure is known to have applied nothing.
import http from 'node:http'
import https from 'node:https'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { MAX_IN_FLIGHT } from '../core/speed/dispatcher.ts'

/** Generous: the pace decides how many requests are in flight, not the pool. A page never waits for a run's connection. */
const MAX_SOCKETS = 2 * MAX_IN_FLIGHT

/** Servers close idle connections after 5 seconds or more; a request that meets such a close would be a lost answer. */
const IDLE_MS = 4000

/** A firewall that swallows packets would otherwise look like a portal that works for a minute and says nothing. */
const CONNECT_MS = 10_000

/**
 * How long one address of a host is tried before the next (RFC 8305). Node's 250 ms are less than a connection abroad takes, or one
 * whose first packet is lost: then no address of such a portal ever answers.
 */
export const ATTEMPT_MS = 2500
/** Errors of connections that were not ready for a request yet. */
const unsent = new WeakSet<Error>()

/** No byte of a request had left when this error came up: the connection, or its TLS session, was not there. */
export const isUnsent = (error: unknown): boolean => error instanceof Error && unsent.has(error)

const connectTimedOut = (): Error =>
  Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT', syscall: 'connect' })

/** The option `timeout` of an agent would do for idle sockets, but it cuts slow connects too (measured on Node 20). */
const tune = <A extends http.Agent>(agent: A): A => {
  const keepSocketAlive = agent.keepSocketAlive
  agent.keepSocketAlive = socket => {
    const kept = keepSocketAlive.call(agent, socket) // a boolean, whatever the types say (Node's docs)
    if (socket instanceof Socket) socket.setTimeout(IDLE_MS)
    return kept
  }
  const createConnection = agent.createConnection
  agent.createConnection = (options, callback) => {
    const socket = createConnection.call(agent, options, callback)
    if (!(socket instanceof Socket)) return socket
    const timer = setTimeout(() => socket.destroy(connectTimedOut()), CONNECT_MS)
    const beforeRequest = (error: Error): void => void unsent.add(error)
    const settled = () => {
      clearTimeout(timer)
      socket.off('error', beforeRequest)
    }
    socket.once('error', beforeRequest)
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', settled).once('close', settled)
    return socket
  }
  return agent
}

/** A pool per client, for plain and for TLS connections. */
export const createAgents = () => {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS, autoSelectFamilyAttemptTimeout: ATTEMPT_MS }
  return { httpAgent: tune(new http.Agent(options)), httpsAgent: tune(new https.Agent(options)) }
}
