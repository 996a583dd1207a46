// Hands an answer to the client, or keeps it from arriving as a switched-on fault wants.
// Must stay true: nothing here executes anything; a connection that a fault breaks is really broken, on the socket.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from './execute.ts'
import type { Fault } from './faults.ts'

/** protocol.md, 1.3: `authorization` is missing on purpose (trap 32). */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'origin, content-type, accept',
  'X-Content-Type-Options': 'nosniff'
}

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** Sends the answer, and resolves when it is on its way. */
export async function deliver(
  { req, res }: Exchange,
  answer: Answer | undefined,
  fault: Fault | undefined
): Promise<void> {
  if (answer === undefined || fault?.kind === 'reset-before' || fault?.kind === 'reset-after') return reset(req)
  if (fault?.kind === 'hold') await held(req, fault.ms)
  if (req.socket.destroyed) return
  const body = Buffer.from(answer.body)
  res.writeHead(answer.status, {
    ...CORS,
    ...answer.headers,
    'Content-Type': answer.type,
    'Content-Length': body.length
  })
  if (fault?.kind === 'truncated') {
    res.write(body.subarray(0, Math.floor(body.length / 2)), () => req.socket.destroy())
    return
  }
  res.end(body)
}

/** Breaks the connection with RST, as a dying server does. */
export function reset(req: IncomingMessage): void {
  req.socket.resetAndDestroy()
}

/** Until `ms` are over or the client gave up. */
async function held(req: IncomingMessage, ms: number | undefined): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
    req.socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
