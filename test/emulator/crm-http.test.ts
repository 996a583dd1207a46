// The CRM of the emulated portal through HTTP: forms, JSON and batches as clients send them.
// Must stay true: real sockets; each test names the trap of protocol.md, section 9, that it keeps open.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEmulatedPortal, type EmulatedPortal } from '../../emulator/emulated-portal.ts'

let portal: EmulatedPortal

beforeEach(async () => {
  portal = await createEmulatedPortal({ speed: { commandMs: 0, latencyMs: 0 } })
})
afterEach(() => portal.close())

type Answer = ReturnType<typeof JSON.parse>

async function send(method: string, body: object | string, webhook = portal.webhookUrl): Promise<[number, Answer]> {
  const json = typeof body !== 'string'
  const response = await fetch(webhook + method, {
    method: 'POST',
    headers: { 'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded' },
    body: json ? JSON.stringify(body) : body
  })
  return [response.status, await response.json()]
}

it('takes the same fields from a form and from JSON (trap 8)', async () => {
  const form = 'fields[TITLE]=ACME&fields[PHONE][0][VALUE]=%2B7000&fields[ORIGINATOR_ID]=X&fields[ORIGIN_ID]=1'
  const [, byForm] = await send('crm.company.add', form)
  const [, byJson] = await send('crm.company.add', { fields: { TITLE: 'ACME', PHONE: [{ VALUE: '+7000' }] } })
  expect([byForm.result, byJson.result]).toEqual([1, 2])
  const [, page] = await send('crm.company.list', 'filter[%3EID]=0&filter[ORIGIN_ID][]=1&select[]=PHONE&start=-1')
  expect(page.result).toEqual([{ ID: '1', PHONE: [{ ID: '1', VALUE_TYPE: 'WORK', VALUE: '+7000', TYPE_ID: 'PHONE' }] }])
  expect(page.total).toBe(0)
})

it('answers classic errors with an empty code and HTTP 400 (traps 1, 29)', async () => {
  expect(await send('crm.company.get', { id: 5 })).toEqual([400, { error: '', error_description: 'Not found' }])
  expect(await send('crm.company.delete', { id: 5 })).toEqual([
    400,
    { error: '', error_description: 'Company is not found' }
  ])
  expect(await send('crm.item.get', { entityTypeId: 4, id: 5 })).toEqual([
    400,
    { error: 'NOT_FOUND', error_description: 'Item not found' }
  ])
  const denied = portal.webhook({ person: 3 })
  expect(await send('crm.contact.list', {}, denied)).toEqual([400, { error: '', error_description: 'Access denied.' }])
})

it('links a contact to a company of the same batch, and to company 1 when the reference failed (trap 6)', async () => {
  portal.state.seed({ companies: 2 })
  const chain = (company: string) => ({
    halt: 0,
    cmd: { c: company, p: 'crm.contact.add?fields[NAME]=x&fields[COMPANY_ID]=$result[c]', ok: 'crm.company.get?id=1' }
  })
  const [, good] = await send('batch', chain('crm.company.add?fields[TITLE]=A'))
  expect(good.result.result).toMatchObject({ c: 3, p: 1 })
  expect(portal.state.companyIdsOf(1)).toEqual([3])
  const [status, bad] = await send('batch', {
    halt: 0,
    cmd: { first: 'crm.company.get?id=2', ...chain('crm.company.get?id=99').cmd }
  })
  expect(status).toBe(200)
  expect(bad.result.result_error).toEqual({ c: { error: '', error_description: 'Not found' } })
  expect(portal.state.companyIdsOf(2)).toEqual([1])
})

it('keeps names that look like markup', async () => {
  const names = ['<script>alert(1)</script>', '"><img onerror=x>', "O'Neil & sons", 'שלום']
  for (const TITLE of names) await send('crm.company.add', { fields: { TITLE } })
  const [, page] = await send('crm.company.list', { order: { ID: 'ASC' }, select: ['TITLE'] })
  expect(page.result.map((row: { TITLE: string }) => row.TITLE)).toEqual(names)
})

it('repeats in a batch, for a company that is gone, what an earlier command failed with (fidelity, F12)', async () => {
  portal.state.missingDelete = 'source'
  const cmd = {
    gone: 'crm.company.delete?id=9',
    bad: 'crm.company.add?fields[EMAIL][0][VALUE]=nonsense',
    again: 'crm.company.delete?id=9',
    contact: 'crm.contact.delete?id=9'
  }
  const errors = async () => (await send('batch', { cmd }))[1].result.result_error
  const seen = await errors()
  expect(seen.gone).toEqual({ error: '', error_description: '' })
  expect(seen.again).toEqual({ error: '', error_description: seen.bad.error_description })
  expect(seen.contact).toEqual({ error: 'ERROR_CORE', error_description: 'Element not found' })
  expect((await errors()).gone.error_description).toBe('')
})
