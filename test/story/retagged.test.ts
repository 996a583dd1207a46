// A record of ours that another system takes over: whatever clears what BitrixCorp created leaves it alone.
import { beforeAll, expect, it } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

it('a retry of a clear run asks for the mark again', async () => {
  const { origin, portal } = await openSite()
  const run = async (path: string, body: object): Promise<RunSnapshot> => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${origin}/api/runs${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const { id } = (await response.json()) as RunSnapshot
    const now = async () => (await (await fetch(`${origin}/api/runs/${id}`)).json()) as RunSnapshot
    await expect.poll(async () => (await now()).status, { timeout: 10_000 }).not.toBe('running')
    return now()
  }
  await run('', { kind: 'create', companies: 3, contacts: 3 })
  const [first, second] = portal.state.records('company')
  portal.state.refuse = (entity, action) => (entity === 'company' && action === 'delete' ? 'Access denied.' : undefined)
  const clear = await run('', { kind: 'clear', scope: 'created' })
  expect(clear).toMatchObject({ failed: 3, deleted: { companies: 0, contacts: 3 } })
  portal.state.refuse = undefined
  if (first === undefined || second === undefined) throw new Error('There are three companies')
  await fetch(`${portal.webhookUrl}crm.company.update?id=${first.id}&fields[ORIGINATOR_ID]=1C`)
  portal.state.remove('company', second.id)

  const retry = await run(`/${clear.id}/retry`, {})
  expect(retry).toMatchObject({ status: 'completed', total: 3, done: 3, failed: 1, deleted: { companies: 2 } })
  expect(retry.errors).toMatchObject([{ row: first.id, entity: 'company', code: 'NOT_OURS' }])
  expect(portal.state.records('company').map(({ id }) => id)).toEqual([first.id])
})
