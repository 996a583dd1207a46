// What Node refuses before the application sees it, over real sockets.
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { answerUnreadable } from '../../server/http/unreadable.ts'

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400, 'INVALID_INPUT'],
  ['an unknown method', 'FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'INVALID_INPUT'],
  [
    'headers that are too large',
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'HEADERS_TOO_LARGE'
  ]
])('%s is answered like any other error', async (_what, request, status, code) => {
  const server = createServer((_, response) => response.end()).on('clientError', answerUnreadable)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1') // TCP
  socket.write(request)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  const [head = '', body = ''] = text.split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(JSON.parse(body)).toEqual({ error: code, error_description: expect.stringMatching(/^.{15,}$/) })
})
