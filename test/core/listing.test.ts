// What a clear run finds while others delete records, too.
// Must stay true: the real core from `runs.start` to the last snapshot; only the portal, the journal and the clock are models.
import { expect, test } from 'vitest'
import { createChannel } from '../../server/core/channel.ts'
import type { Command, Portal } from '../../server/core/portal.ts'
import { createRuns } from '../../server/core/run/runs.ts'
import { createPace } from '../../server/core/speed/pace.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

/** Clears contacts with these ids; whoever else is there deletes `gone` between the page of the oldest and the count. */
const clear = async (ids: readonly number[], gone: readonly number[]) => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], 60)
  for (const id of ids) model.contacts.set(id, { id, originId: '', companyId: 0 })
  let lists = 0
  const portal: Portal = {
    ...model.portal,
    async execute(commands: readonly Command[], options) {
      const isList = commands.some(({ method }) => method === 'crm.contact.list')
      if (isList) lists += 1
      if (isList && commands[0]?.key === 'newest') {
        await clock.sleep(500)
        for (const id of gone) model.contacts.delete(id)
      }
      return model.portal.execute(commands, options)
    }
  }
  const pace = createPace({ rate: 2, burst: 50, random: () => 0.5, requestSeconds: 60 })
  const { journal, leases } = openMemoryJournal(createDisk())
  const runs = createRuns({
    ...{ journal, leases, clock, random: () => 0.5, newId: () => 'run', requestSeconds: 60, autoResume: false },
    onCrash(error) {
      throw error
    }
  })
  let over = false
  const ended = (async () => {
    await runs.start(
      createChannel(portal, pace, clock),
      { kind: 'clear', scope: 'all' },
      { userId: null, name: 'test' }
    )
    for await (const { status, total, done } of runs.watch('run', new AbortController().signal))
      if (status !== 'running') return { status, total, done, left: [...model.contacts.keys()] }
    return undefined
  })()
  const settled = (): void => {
    over = true
  }
  ended.then(settled, settled)
  await clock.runUntil(() => over)
  return { ...(await ended), lists: () => lists }
}

const spaced = (count: number, gap: number): number[] => Array.from({ length: count }, (_, index) => 1 + index * gap)

test.each([
  ['one by one, spread widely', spaced(151, 3), [1]],
  ['several', spaced(153, 3), [1, 7, 31]],
  ['where ids lie close', [...spaced(50, 1), ...spaced(100, 1).map(id => id + 5000)], [3]],
  ['where nearly all ids are taken', spaced(3000, 1).filter(id => id % 7 !== 0), [1, 2, 3, 4, 5, 6, 8, 9, 10]],
  ['all of the oldest', spaced(151, 3), spaced(50, 3)]
])(
  'finds every record although others delete some of the oldest before it has counted: %s',
  async (_what, ids, gone) => {
    const { lists: _lists, ...ended } = await clear(ids, gone)
    expect(ended).toMatchObject({ status: 'completed', left: [] })
    expect(ended.total).toBe(ended.done)
  }
)

test.each([
  ['a hundred', spaced(100, 1), 2],
  ['two hundred', spaced(200, 1), 2],
  ['a hundred and fifty, spread widely', spaced(149, 3), 3]
])('asks no more often where nobody else deletes: %s', async (_what, ids, requests) => {
  const { lists, left } = await clear(ids, [])
  expect([lists(), left]).toEqual([requests, []])
})
