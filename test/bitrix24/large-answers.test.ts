// Answers that are made to fill the memory or to hold up everybody: how much of them is read, over real sockets.
// Must stay true: whoever sends them counts what was taken; each of them ends, however much could still come.

import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { openAuthorization } from '../support/authorization-world.ts'
import { type Answer, startRawPortal } from './raw-portal.ts'

const MB = 1024 * 1024
const commands = [{ key: 'c1', method: 'crm.company.list', params: {} }]

const failureOf = async (answer: Answer): Promise<unknown> => {
  const raw = await startRawPortal(answer)
  onTestFinished(() => raw.close())
  return raw.portal.execute(commands, { halt: false }).then(
    () => 'an answer',
    (error: unknown) => error
  )
}

/** Sends `part` for as long as the other side takes it. @returns how many bytes it has taken so far */
const sendForEver = (response: ServerResponse, part: Buffer): (() => number) => {
  let sent = 0
  const more = (): void => {
    while (!response.destroyed) {
      sent += part.length
      if (!response.write(part)) {
        response.once('drain', more)
        return
      }
    }
  }
  more()
  return () => sent
}

test('an endless answer of a portal is cut off after 8 MB', async () => {
  let sent = (): number => 0
  const failure = await failureOf(response => {
    response.writeHead(200, { 'content-type': 'application/json' })
    sent = sendForEver(response, Buffer.alloc(MB / 16, ' '))
  })
  expect(failure).toMatchObject({ kind: 'lost', applied: 'unknown', code: 'ANSWER_TOO_LARGE' })
  // What is on the way in buffers comes on top.
  expect(sent()).toBeLessThan(32 * MB)
})

test('an endless compressed answer is cut off by what it unpacks to', async () => {
  let sent = (): number => 0
  const failure = await failureOf(response => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    sent = sendForEver(response, gzipSync(Buffer.alloc(MB, ' ')))
  })
  expect(failure).toMatchObject({ kind: 'lost', applied: 'unknown', code: 'ANSWER_TOO_LARGE' })
  expect(sent()).toBeLessThan(32 * MB)
})

const repeated = (part: string): string => part.repeat(Math.floor((7.9 * MB) / part.length))
const numbered = (part: (index: number) => string): string => {
  const parts: string[] = []
  for (let index = 0, size = 0; size < 7.8 * MB; index += 1) size += parts[parts.push(part(index)) - 1]?.length ?? 0
  return parts.join('')
}

const hostile: [string, () => string][] = [
  ['empty maps', () => `{"result":{"result":[${repeated('{},')}1]}}`],
  ['empty lists', () => `{"result":{"result":[${repeated('[],')}1]}}`],
  ['numbers', () => `{"result":{"result":{"c1":[${repeated('1,')}1]}}}`],
  ['keys that nobody asked for', () => `{"result":{"result":{${numbered(index => `"k${index}":0,`)}"c1":[]}}}`],
  ['keys beside the result', () => `{${numbered(index => `"k${index}":{},`)}"result":{"result":{"c1":[]}}}`],
  ['lists in lists', () => `{"result":{"result":${'['.repeat(3.9 * MB)}${']'.repeat(3.9 * MB)}}}`],
  ['errors', () => `{"error":[${repeated('{},')}1]}`]
]

test.each(hostile)('8 MB of %s are not made anything of', async (_, body) => {
  const failure = await failureOf(response => response.end(body()))
  expect(failure).toMatchObject({ kind: 'lost', code: 'UNREADABLE_REPLY' })
})

test('a large answer of rows is read, and whatever stands in its texts', async () => {
  const row = { ID: '1', TITLE: `"\\[{,${'я[{,"\\'.repeat(200)}` }
  const body = JSON.stringify({ result: { result: { c1: Array(2500).fill(row) } } })
  const raw = await startRawPortal(response => response.end(body))
  onTestFinished(() => raw.close())
  const { outcomes } = await raw.portal.execute(commands, { halt: false })
  const outcome = outcomes.get('c1')
  expect(outcome?.kind === 'ok' && (outcome.result as unknown[]).length).toBe(2500)
})

test.each([
  ['plain', undefined, Buffer.alloc(4096, ' ')],
  ['compressed', 'gzip', gzipSync(randomBytes(MB / 16))]
])('an endless %s answer of an authorization server is cut off', async (_, encoding, part) => {
  const { make, grant } = await openAuthorization()
  const taken: (() => number)[] = []
  const server = createServer((_request, response) => {
    const headers = encoding === undefined ? {} : { 'content-encoding': encoding }
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    taken.push(sendForEver(response, part))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // TCP
  const asking = make({ oauthUrls: [origin] })
  const { claim, tokens } = grant()
  await expect(asking.verify(claim)).rejects.toMatchObject({ code: 'AUTHORIZATION_UNREACHABLE' })
  await expect(asking.refresh(origin, claim.memberId, tokens)).rejects.toMatchObject({ kind: 'unreachable' })
  expect(taken).toHaveLength(2)
  for (const bytes of taken) expect(bytes()).toBeLessThan(16 * MB)
})
