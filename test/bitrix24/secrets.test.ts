// The webhook's secret stays inside: planted in every place that a portal or a transport could repeat it from.
// Must stay true: neither inspection, JSON, texts nor results of the gateway hold it.
import { inspect } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { createWebhookClient } from '../../server/bitrix24/client.ts'
import { Webhook, webhookUrlSchema } from '../../server/core/webhook-url.ts'
import { type Answer, batch, html, json, type RawPortal, SECRET, startRawPortal } from './raw-portal.ts'

let raw: RawPortal | undefined
afterEach(async () => {
  await raw?.close()
  raw = undefined
})

/** Every way in which a logger or a page could print something. */
const printed = (value: unknown): string => {
  const texts = [
    inspect(value, { depth: 12, showHidden: true, getters: false }),
    JSON.stringify(value) ?? '',
    String(value)
  ]
  for (let one: unknown = value; one instanceof Error; one = one.cause) texts.push(one.message, one.stack ?? '')
  return texts.join('\n')
}

const echo: Answer = (response, request, body) =>
  json(400, { error: 'SOME_CODE', error_description: `Wrong call of ${request.url}` })(response, request, body)

const answers: [string, Answer][] = [
  ['a page that repeats the address', html(404)],
  ['a page of an inner server', html(502)],
  ['an error text that repeats the address', echo],
  [
    'a redirect',
    (response, request) => response.writeHead(302, { location: `https://moved.example${request.url}` }).end()
  ],
  ['a redirect within the host', (response, request) => response.writeHead(302, { location: request.url }).end()],
  ['a reset', response => response.socket?.resetAndDestroy()],
  [
    'a truncated answer',
    response => {
      response.writeHead(200, { 'content-length': 99 })
      response.write(SECRET, () => response.socket?.destroy())
    }
  ],
  ['a refusal', json(401, { error: 'INVALID_CREDENTIALS', error_description: SECRET })],
  ['an unreadable answer', response => response.end(SECRET)]
]

test.each(answers)('%s: the failure does not hold the secret', async (_name, answer) => {
  raw = await startRawPortal(answer)
  const failure: unknown = await raw.portal
    .execute([{ key: 'c1', method: 'profile', params: {} }], { halt: false })
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(Error)
  expect(raw.received[0]?.path).toContain(SECRET)
  expect(printed(failure)).not.toContain(SECRET)
  expect(printed(failure)).not.toContain('/rest/1')
})

test('a refused connection and a time-out do not hold the secret', async () => {
  raw = await startRawPortal(() => undefined, { requestSeconds: 0.1, now: Date.now })
  const { portal } = raw
  const command = [{ key: 'c1', method: 'profile', params: {} }]
  const timedOut: unknown = await portal.execute(command, { halt: false }).catch((error: unknown) => error)
  await raw.close()
  const refused: unknown = await portal.execute(command, { halt: false }).catch((error: unknown) => error)
  expect([timedOut, refused]).toMatchObject([{ code: 'TIMED_OUT' }, { code: 'PORTAL_UNREACHABLE' }])
  expect(printed(timedOut) + printed(refused)).not.toContain(SECRET)
})

test('outcomes of commands do not repeat the secret', async () => {
  raw = await startRawPortal(
    batch({ result: { c1: `see /rest/1/${SECRET}/` }, result_error: { c2: { error: '', error_description: SECRET } } })
  )
  const commands = ['c1', 'c2'].map(key => ({ key, method: 'profile', params: {} }))
  const { outcomes } = await raw.portal.execute(commands, { halt: false })
  expect(outcomes.get('c1')).toEqual({ kind: 'ok', result: 'see ***/' })
  expect(outcomes.get('c2')).toEqual({ kind: 'refused', code: '', message: '***' })
})

test('a parsed webhook, its client and its portal do not print the secret', async () => {
  const webhook = webhookUrlSchema.parse(`https://portal.example/rest/1/${SECRET}/`)
  expect(webhook).toBeInstanceOf(Webhook)
  expect(webhook.secret).toBe(SECRET)
  const client = createWebhookClient(webhook, { requestSeconds: 60, now: Date.now })
  client.close()
  expect(printed([webhook, { ...webhook }, client, raw?.portal])).not.toContain(SECRET)
})
