// A run that may not be looked up any more still ends, and lets the server stop.
import { beforeAll, expect, it } from 'vitest'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

it('a cancelled run whose lost answers can no longer be looked up ends, and asks the portal no further', async () => {
  const { origin, portal } = await openSite({ settings: { BITRIX_REQUEST_SECONDS: '0.5' } })
  portal.faults.next('hold', { times: 100, when: ({ writes }) => writes })
  const headers = { 'content-type': 'application/json' }
  const started = await fetch(`${origin}/api/runs`, {
    method: 'POST',
    headers,
    body: '{"kind":"create","companies":50}'
  })
  const { id } = (await started.json()) as { id: string }
  await expect.poll(() => portal.faults.log.counts.hold ?? 0).toBeGreaterThan(0)
  portal.removeWebhook(portal.webhookUrl)
  await fetch(`${origin}/api/runs/${id}/cancel`, { method: 'POST' })
  const status = async () => ((await (await fetch(`${origin}/api/runs/${id}`)).json()) as { status: string }).status
  await expect.poll(status, { timeout: 10_000 }).toBe('cancelled')
})
