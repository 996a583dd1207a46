// BitrixCorp itself: the same runs, journal on disk included, without the web page around it.
// Must stay true: wired as server/start.ts wires it; nothing is switched off for the clock's sake.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWebhookClient } from '../server/bitrix24/client.ts'
import { createRestPortal } from '../server/bitrix24/rest-portal.ts'
import { createChannel } from '../server/core/channel.ts'
import type { Operation } from '../server/core/recipe.ts'
import { readRecords } from '../server/core/records.ts'
import type { RunSnapshot } from '../server/core/run/run.ts'
import { createRuns } from '../server/core/run/runs.ts'
import { createPace } from '../server/core/speed/pace.ts'
import { webhookUrlSchema } from '../server/core/webhook-url.ts'
import { openDatabase } from '../server/store/database.ts'
import { createJournal } from '../server/store/journal.ts'
import { createLeases } from '../server/store/leases.ts'
import { systemClock } from '../server/system-clock.ts'
import type { Contender, Work } from './contender.ts'

const operationOf = ({ kind, rows }: Work): Operation =>
  kind === 'create'
    ? { kind, recipe: { companies: rows / 2, contacts: rows / 2, seed: 1, locale: 'ru' } }
    : { kind, scope: 'all' }

export const ours: Contender = {
  name: 'BitrixCorp',
  async open(webhookUrl, { rate, burst, requestSeconds }) {
    const dataDir = await mkdtemp(join(tmpdir(), 'bitrixcorp-bench-'))
    const db = await openDatabase({ dataDir })
    const webhook = webhookUrlSchema.parse(webhookUrl)
    const client = createWebhookClient(webhook, { requestSeconds, now: systemClock.now })
    const portal = createRestPortal({ id: webhook.host, host: webhook.host, client })
    const newChannel = () =>
      createChannel(portal, createPace({ rate, burst, random: Math.random, requestSeconds }), systemClock)
    let channel = newChannel()
    let count = 0
    const runs = createRuns({
      journal: createJournal(db),
      leases: createLeases(db, { owner: 'bench:1:1', ttl: 15_000, isAlive: () => true }),
      clock: systemClock,
      random: Math.random,
      newId: () => {
        count += 1
        return `bench${count}`
      },
      requestSeconds,
      autoResume: false,
      onCrash(error) {
        throw error
      }
    })
    return {
      async run(work) {
        const { id } = await runs.start(channel, operationOf(work), { userId: null, name: 'bench' })
        let last: RunSnapshot | undefined
        for await (const snapshot of runs.watch(id, new AbortController().signal)) last = snapshot
        if (last?.status !== 'completed' || last.done !== work.rows)
          throw new Error(`Not done: ${JSON.stringify(last)}`)
      },
      async rest() {
        const { speed } = channel
        channel = newChannel()
        Object.assign(channel.speed, speed)
        // Whoever starts a run has the page open: the portal has answered before, and its bucket has given that request back.
        await readRecords(channel, 'company', { after: null, limit: 1 })
        await systemClock.sleep(1000 / rate)
      },
      async close() {
        await runs.stop()
        client.close()
        await db.destroy()
        await rm(dataDir, { recursive: true, force: true })
      }
    }
  }
}
