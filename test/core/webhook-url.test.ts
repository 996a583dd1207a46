// BITRIX_WEBHOOK_URL: which addresses are taken, and what is said about the others.
// Must stay true: no message holds the secret.
import { expect, test } from 'vitest'
import { webhookUrlSchema } from '../../server/core/webhook-url.ts'

const secret = 'abcdef0123456789'
const path = `/rest/7/${secret}`

test.each([
  [`https://portal.bitrix24.com${path}/`, 'portal.bitrix24.com'],
  [`https://portal.bitrix24.com${path}`, 'portal.bitrix24.com'],
  [`  https://Portal.Bitrix24.com:443${path}/ `, 'portal.bitrix24.com'],
  [`https://crm.example.org:8443${path}/`, 'crm.example.org:8443'],
  [`http://localhost:3001${path}/`, 'localhost:3001'],
  [`http://127.0.0.1:3001${path}/`, '127.0.0.1:3001'],
  [`http://127.9.9.9${path}`, '127.9.9.9'],
  [`http://0x7f.1${path}`, '127.0.0.1'],
  [`http://[::1]:80${path}`, '[::1]'],
  [`http://[fd12::1]${path}`, '[fd12::1]'],
  [`http://10.1.2.3${path}`, '10.1.2.3'],
  [`http://172.16.0.1${path}`, '172.16.0.1'],
  [`http://172.31.255.1${path}`, '172.31.255.1'],
  [`http://192.168.1.1${path}`, '192.168.1.1'],
  [`http://portal${path}`, 'portal'],
  [`http://crm.local${path}`, 'crm.local'],
  [`http://crm.corp.internal${path}`, 'crm.corp.internal']
])('%s is taken', (url, host) => {
  const webhook = webhookUrlSchema.parse(url)
  expect(webhook).toMatchObject({ host, userId: 7 })
  expect(webhook.secret).toBe(secret)
  expect(webhook.endpoint).toBe(`${new URL(url.trim()).origin}${path}`)
})

test.each([
  ['', 'must be an address'],
  [`portal.bitrix24.com${path}`, 'must be an address'],
  [`ftp://portal.bitrix24.com${path}`, 'https://'],
  [`javascript:${secret}`, 'https://'],
  [`http://portal.bitrix24.com${path}`, 'https://'],
  [`http://172.32.0.1${path}`, 'https://'],
  [`http://192.169.0.1${path}`, 'https://'],
  [`http://169.254.169.254${path}`, 'https://'],
  [`http://8.8.8.8${path}`, 'https://'],
  [`http://[2001:db8::1]${path}`, 'https://'],
  [`http://[fe80::1]${path}`, 'https://'],
  [`http://localhost.example.org${path}`, 'https://'],
  [`https://user:${secret}@portal.bitrix24.com${path}`, 'user name or password'],
  [`https://portal.bitrix24.com${path}/?auth=${secret}`, 'after the secret'],
  [`https://portal.bitrix24.com${path}/#${secret}`, 'after the secret'],
  [`https://portal.bitrix24.com${path}/profile.json`, 'method name'],
  [`https://portal.bitrix24.com/rest/${secret}/`, '/rest/<user>/<secret>/'],
  [`https://portal.bitrix24.com/api/7/${secret}/`, '/rest/<user>/<secret>/'],
  ['https://portal.bitrix24.com', '/rest/<user>/<secret>/'],
  [`https://portal.bitrix24.com/rest/admin/${secret}/`, 'number of a user'],
  [`https://portal.bitrix24.com/rest/0/${secret}/`, 'number of a user'],
  ['https://portal.bitrix24.com/rest/7/abc/', 'secret of 4'],
  [`https://portal.bitrix24.com/rest/7/${secret}%2F..%2F/`, 'secret of 4']
])('%s is refused', (url, reason) => {
  const { success, error } = webhookUrlSchema.safeParse(url)
  expect(success).toBe(false)
  expect(error?.issues).toHaveLength(1)
  expect(error?.issues[0]?.message).toContain(reason)
  expect(JSON.stringify(error?.issues) + String(error)).not.toContain(secret)
})
