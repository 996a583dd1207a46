// The log: secrets planted at every depth never reach a line.
// Must stay true: what is not secret stays readable.
import { expect, test } from 'vitest'
import { createLog, type Log } from '../server/log.ts'

const written = (work: (log: Log) => void): string => {
  const lines: string[] = []
  work(createLog('trace', { write: line => lines.push(line) }))
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), time: expect.any(String) })
  return lines.join('')
}

const KEYS =
  'auth access_token refresh_token AUTH_ID REFRESH_ID secret authorization client_secret application_token clientSecret accessToken token password cookie APP_SID app_secret BITRIX_WEBHOOK_SECRET set-cookie x-auth-token bearer'.split(
    ' '
  )

test('masks secret keys at every depth, in objects and lists', () => {
  for (const key of KEYS) {
    for (const bury of [
      (value: object): object => value,
      (value: object): object => ({ a: value }),
      (value: object): object => ({ a: { b: [{ c: [[value]] }] } }),
      (value: object): object => ({ err: { response: { config: { headers: value } } } })
    ]) {
      for (const planted of ['PLANTED', { deep: 'PLANTED' }, ['PLANTED']]) {
        const text = written(log => log.info({ ...bury({ [key]: planted }), seen: 'visible' }, 'event'))
        expect(text, key).not.toContain('PLANTED')
        expect(text).toContain('visible')
      }
    }
  }
})

const TEXTS = [
  'POST https://portal.bitrix24.com/rest/1/PLANTEDx9/batch.json failed',
  'GET http://127.0.0.1:4000/rest/17/PLANTED/crm.company.list?x=1',
  'GET /?secret=PLANTED&lang=ru',
  'refresh_token=PLANTED&client_id=local.1',
  'auth[access_token]=PLANTED',
  'Authorization: Bearer PLANTED.x-y_z',
  '{"access_token":"PLANTED","expires":1}',
  'body was {\\"refresh_token\\": \\"PLANTED\\"}',
  'postgres://user:PLANTED@db:5432/bitrixcorp',
  'BITRIX_WEBHOOK_SECRET=PLANTED',
  'BITRIX_CLIENT_SECRET="PLANTED"',
  '{"BITRIX_CLIENT_SECRET":"PLANTED"}',
  "{ access_token: 'PLANTED', expires: 1 }",
  '{"AUTH_ID": "x\\"PLANTED"}',
  'Authorization: Basic PLANTED',
  'authorization=PLANTED',
  'GET /login?next=%2F%3Fsecret%3DPLANTED%26lang%3Dru',
  'auth%5Baccess_token%5D=PLANTED',
  'https%3A%2F%2Fportal.example%2Frest%2F1%2FPLANTED%2Fbatch'
]

test('masks secrets inside texts: the message, a field, its arguments, an error, its stack and causes', () => {
  for (const secret of TEXTS) {
    const error = new Error('outer', {
      cause: new Error('middle', { cause: new AggregateError([new Error(secret)], secret) })
    })
    const text = written(log => {
      log.info(secret)
      log.info({ url: secret, list: [secret] }, secret)
      log.info('it was %s', secret)
      log.error({ err: new Error(secret) }, 'failed')
      log.error(new Error(secret))
      log.error(new Error(secret), 'failed')
      log.error(error)
      log.error({ nested: { problem: error } }, 'failed')
    })
    expect(text, secret).not.toContain('PLANTED')
    expect(text).toContain('middle')
    expect(text).toContain('***')
  }
})

test('leaves alone what only sounds like a secret', () => {
  const texts = [
    'author=Ivan, authorization of the portal failed',
    'the token has expired: "open" the application',
    'GET /rest/notes?page=2',
    'https://portal.example:8443/crm/'
  ]
  for (const text of texts)
    expect(written(log => log.info({ text }, text))).toContain(JSON.stringify(text).slice(1, -1))
  const after = written(log => log.info('refresh_token=x&client_id=local.1 next=%3Fsecret%3Dx%26lang%3Dru'))
  expect(after).toContain('client_id=local.1')
  expect(after).toContain('%26lang%3Dru')
})

test('keeps what is not secret, and survives circles and depth', () => {
  const circle: Record<string, unknown> = { name: 'visible', twice: { shared: 1 } }
  circle['self'] = circle
  let deep: object = { end: 1 }
  for (let level = 0; level < 100; level += 1) deep = { deep }
  const shared = { kept: 'twice' }
  const text = written(log =>
    log.info({ circle, deep, a: shared, b: shared, method: 'crm.company.list', none: null }, 'event')
  )
  expect(text).toContain('[circular]')
  expect(text).toContain('[deep]')
  expect(text.match(/"kept":"twice"/g)).toHaveLength(2)
  expect(text).toContain('"method":"crm.company.list"')
})

test('writes nothing below its level', () => {
  const lines: string[] = []
  const log = createLog('warn', { write: line => lines.push(line) })
  log.info('quiet')
  log.warn('loud')
  expect(lines).toHaveLength(1)
})
