// A retry takes its rows once and for all.
import { beforeAll, expect, test } from 'vitest'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { readEvents } from '../support/event-source.ts'
import { buildPage, openSite } from '../support/site.ts'

beforeAll(buildPage)

test('rows that a retry has made are not made again by a second retry of the same run', async () => {
  const { origin, portal } = await openSite()
  portal.state.refuse = entity => (entity === 'contact' ? 'No' : undefined)
  const made = await fetch(`${origin}/bitrix/webhook/push-to-bitrix?count=5`, { method: 'POST' })
  const { id } = (await made.json()) as RunSnapshot
  portal.state.refuse = undefined
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const answer = await fetch(`${origin}/api/runs/${id}/retry`, { method: 'POST' })
    if (answer.status === 202) await readEvents(`${origin}${answer.headers.get('location')}/progress`)
  }
  expect(portal.state.counts()).toEqual({ companies: 5, contacts: 5 })
})
