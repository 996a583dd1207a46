// Answers to what is no HTTP request at all: Node refuses it before the application sees it.
// Must stay true: an answer like any other error; the connection ends with it.
import type { Duplex } from 'node:stream'

const REFUSALS: Readonly<Record<string, readonly [status: string, error: string, description: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'HEADERS_TOO_LARGE',
    'The headers are larger than 16 kB. Send smaller ones.'
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'REQUEST_TIMEOUT',
    'The request did not come whole in time. Send it again.'
  ]
}

/** For `clientError` of an HTTP server. */
export const answerUnreadable = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, code, description] = REFUSALS[error.code ?? ''] ?? [
    '400 Bad Request',
    'INVALID_INPUT',
    'This is no HTTP request. Send one.'
  ]
  const body = JSON.stringify({ error: code, error_description: description })
  const headers = `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close`
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`)
}
