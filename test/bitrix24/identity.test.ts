// Who we are on a portal, asked over a real connection to the emulated one; and what is said when rights are missing.
// Must stay true: one request per question; texts say what to do.
import { afterEach, expect, test } from 'vitest'
import { createEmulatedPortal, type EmulatedPortal } from '../../emulator/emulated-portal.ts'
import { createWebhookClient, type RestClient } from '../../server/bitrix24/client.ts'
import { readIdentity } from '../../server/bitrix24/identity.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import type { Portal } from '../../server/core/portal.ts'
import { webhookUrlSchema } from '../../server/core/webhook-url.ts'
import { batch, startRawPortal } from './raw-portal.ts'

let emulated: EmulatedPortal | undefined
const clients: RestClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await emulated?.close()
  emulated = undefined
})

const portalOf = (url: string): Portal => {
  const webhook = webhookUrlSchema.parse(url)
  const client = createWebhookClient(webhook, { requestSeconds: 60, now: Date.now })
  clients.push(client)
  return createRestPortal({ id: webhook.host, host: webhook.host, client })
}

const addCompany = [{ key: 'c1', method: 'crm.company.add', params: { fields: { TITLE: 'A' } } }]

test('names the person and tells administrators apart, with one request', async () => {
  emulated = await createEmulatedPortal()
  const identity = await readIdentity(portalOf(emulated.webhookUrl))
  expect(identity).toEqual({
    ...{ userId: '1', person: 'Иван Петров', admin: true },
    portalNow: expect.any(Number)
  })
  expect(emulated.stats).toMatchObject({ requests: 1, batches: 1 })
  expect(await readIdentity(portalOf(emulated.webhook({ person: 2 })))).toMatchObject({ userId: '2', admin: false })
})

test('the commands of a webhook without the crm right say what to do', async () => {
  emulated = await createEmulatedPortal()
  const portal = portalOf(emulated.webhook({ scope: ['user'] }))
  const { outcomes } = await portal.execute(addCompany, { halt: false })
  expect(outcomes.get('c1')).toEqual({
    kind: 'blocked',
    code: 'insufficient_scope',
    message: expect.stringContaining('add CRM (crm)')
  })
})

test('a webhook that was taken back is refused with what to do', async () => {
  emulated = await createEmulatedPortal()
  const url = emulated.webhook()
  emulated.removeWebhook(url)
  await expect(readIdentity(portalOf(url))).rejects.toMatchObject({
    kind: 'blocked',
    code: 'INVALID_CREDENTIALS',
    message: expect.stringContaining('Create a new incoming webhook')
  })
})

test('a person without CRM rights is refused row by row, which is not the end of a run', async () => {
  emulated = await createEmulatedPortal()
  const { outcomes } = await portalOf(emulated.webhook({ person: 3 })).execute(addCompany, { halt: false })
  expect(outcomes.get('c1')).toEqual({ kind: 'refused', code: '', message: 'Access denied.' })
})

test.each([
  [{}, 'lost'],
  [{ result: { profile: 'x' } }, 'lost'],
  [{ result_error: { profile: { error: 'ERROR_OAUTH', error_description: '' } } }, 'blocked'],
  [{ result_error: { profile: { error: '', error_description: '' } } }, 'blocked'],
  [{ result_error: { profile: { error: 'OPERATION_TIME_LIMIT' } } }, 'operating']
])('an answer like %j is a failure', async (maps, kind) => {
  const raw = await startRawPortal(batch(maps))
  try {
    await expect(readIdentity(raw.portal)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(/profile|inst/)
    })
  } finally {
    await raw.close()
  }
})
