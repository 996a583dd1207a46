// A journal and what stands for it once it is compacted: nobody can tell them apart.
// Must stay true: whatever a run did, and whichever of its writes failed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EntityName } from '../../server/core/entities.ts'
import type { BatchReply, Command, Portal } from '../../server/core/portal.ts'
import type { Operation } from '../../server/core/recipe.ts'
import { prepareAttempt, readRejections } from '../../server/core/run/attempt.ts'
import { createCompaction } from '../../server/core/run/compact.ts'
import { applyRunEvent, initialRunState, toSnapshot } from '../../server/core/run/fold.ts'
import type { Rejection, RunEvent, RunRecord } from '../../server/core/run/run.ts'
import { anyOperation, anySteps, CLEARED, journalOf, type Step } from '../support/any-journal.ts'
import { createDisk, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelCrm, createReply } from '../support/model-crm.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, pass } from '../support/virtual-runs.ts'

const compact = (operation: Operation) => (events: readonly RunEvent[]) => {
  const compaction = createCompaction(operation)
  for (const event of events) compaction.follow(event)
  return compaction.events()
}
const keep = (events: readonly RunEvent[]): RunEvent[] => [...events]

const recordOf = (id: string, operation: Operation): RunRecord => {
  const startedBy = { userId: null, name: 'test' }
  const run = { id, portal: 'model.test', startedAt: 1, startedBy: startedBy.name }
  return {
    ...{ id, portalId: 'model', operation, startedBy, startedAt: 1 },
    snapshot: toSnapshot(initialRunState(operation), run)
  }
}

/** Answers at once, and remembers what was asked of it. */
const openPortal = () => {
  const crm = createModelCrm()
  const asked: Command[][] = []
  const made = (id: number) => ({ id, originId: '', companyId: 0 })
  // Every second company that the journals speak of is still there.
  for (let id = 1; id < 100; id += 2) crm.companies.set(id, made(id))
  for (const id of CLEARED.contact) crm.contacts.set(id, made(id))
  const portal: Portal = {
    id: 'model',
    host: 'model.test',
    async execute(commands): Promise<BatchReply> {
      asked.push([...commands])
      const { outcomes, times, results, note } = createReply()
      for (const command of commands) note(command.key, crm.run(command, results), { duration: 0 })
      return { outcomes, times, duration: 0, finishedAt: undefined }
    }
  }
  return { portal, asked }
}

/** All that the next process would do with these journals: what it knows, what it asks, and every batch that it could send. */
const attemptOn = async (run: RunRecord, journals: Readonly<Record<string, RunEvent[]>>) => {
  const clock = createVirtualClock()
  const disk = createDisk()
  for (const [id, events] of Object.entries(journals)) {
    disk.events.set(id, events)
    disk.records.set(id, recordOf(id, run.operation))
  }
  const { journal } = openMemoryJournal(disk)
  const { portal, asked } = openPortal()
  const channel = channelTo(portal, clock, 60)
  const { mission, state, lastBatch, leftovers } = await prepareAttempt(
    { journal, clock, requestSeconds: 60 },
    run,
    channel,
    {}
  )
  for (const event of leftovers) mission.apply(event)
  const known = { left: mission.left(), certain: mission.certain(), choreAt: mission.choreAt(), wants: mission.wants() }
  // When every unknown row may be looked up, and before anything is sent.
  await pass(clock, () => clock.sleep(600_000))
  const lookUp = mission.chore(true)
  const found = await lookUp?.(async () => undefined).catch(error => [String(error)])
  const tags = asked
    .splice(0)
    .flat()
    .flatMap(({ params }) => Object.values((params['filter'] ?? {}) as object))
    .flat()
  const prepared = await mission.prepare(async () => undefined).catch(error => [error])
  for (const event of prepared) if ('type' in event) mission.apply(event)
  const batches: unknown[] = []
  for (let batch = mission.next(3, clock.now()); batch !== null; batch = mission.next(3, clock.now())) {
    batches.push(batch)
    mission.apply({ type: 'batch.sent', at: 1, batch: 1000 + batches.length, rows: batch.rows })
  }
  const rejections: Rejection[] = []
  for await (const rejection of readRejections(journal, run.id)) rejections.push(rejection)
  const finished = mission.finished()
  const sought = { tags: tags.map(String).sort(), found: JSON.stringify(found)?.length }
  return { state, lastBatch, leftovers, known, sought, prepared, asked, batches, rejections, finished }
}

const fold = (operation: Operation, events: readonly RunEvent[]) =>
  events.reduce(applyRunEvent, initialRunState(operation))

const bothOf = (operation: Operation, steps: readonly Step[]) => {
  const whole = journalOf(operation, steps, keep)
  const compacted = compact(operation)(journalOf(operation, steps, compact(operation)))
  return { whole, compacted }
}

describe('a compacted journal', () => {
  test('folds to the same state, shows the same rejections, and goes on with the same batches', async () => {
    await fc.assert(
      fc.asyncProperty(anyOperation, anySteps, async (operation, steps) => {
        const { whole, compacted } = bothOf(operation, steps)
        expect(fold(operation, compacted)).toEqual(fold(operation, whole))
        const run = recordOf('run', operation)
        expect(await attemptOn(run, { run: compacted })).toEqual(await attemptOn(run, { run: whole }))
      }),
      { numRuns: 400 }
    )
  })

  test('is retried with the same rows, looked for in the same way', async () => {
    await fc.assert(
      fc.asyncProperty(anyOperation, anySteps, async (operation, steps) => {
        const { whole, compacted } = bothOf(operation, steps)
        const retry = recordOf('retry', { ...operation, retryOf: 'run' })
        const started: RunEvent = { type: 'run.started', at: 1, operation: retry.operation, total: 1 }
        const retried = (run: RunEvent[]) => attemptOn(retry, { run, retry: [started] })
        expect(await retried(compacted)).toEqual(await retried(whole))
      }),
      { numRuns: 200 }
    )
  })

  test('never shows a falling percent, at whichever of its events it is read', () => {
    fc.assert(
      fc.property(anyOperation, anySteps, (operation, steps) => {
        let before = initialRunState(operation)
        for (const event of bothOf(operation, steps).compacted) {
          const after = applyRunEvent(before, event)
          expect(after.percent).toBeGreaterThanOrEqual(before.percent)
          before = after
        }
      })
    )
  })

  test('still names every record that the run made', () => {
    fc.assert(
      fc.property(anyOperation, anySteps, (operation, steps) => {
        const made = (events: readonly RunEvent[]) => {
          const ids: Record<EntityName, Map<number, number | undefined>> = { company: new Map(), contact: new Map() }
          for (const event of events) {
            if (event.type === 'rows.counted')
              for (const entity of ['company', 'contact'] as const)
                for (const row of event.missing[entity] ?? []) ids[entity].delete(row)
            if (event.type !== 'batch.settled' && event.type !== 'rows.reconciled') continue
            for (const entity of ['company', 'contact'] as const)
              for (const [index, row] of (event.ok[entity] ?? []).entries())
                ids[entity].set(row, event.ids[entity]?.[index])
          }
          return ids
        }
        const { whole, compacted } = bothOf(operation, steps)
        expect(made(compacted)).toEqual(made(whole))
      })
    )
  })

  test('has few events, however many the journal had', () => {
    fc.assert(
      fc.property(anyOperation, anySteps, (operation, steps) => {
        const { compacted } = bothOf(operation, steps)
        const bySize = compacted.filter(({ type }) => type !== 'batch.sent' && type !== 'listing.finished')
        expect(bySize.length).toBeLessThanOrEqual(10)
      })
    )
  })

  test('looks for lost rows beside the record that was made last', async () => {
    const recipe = { companies: 3, contacts: 0, seed: 1, locale: 'ru' as const }
    const operation: Operation = { kind: 'create', recipe }
    const none = { rejected: [], returned: {} }
    const whole: RunEvent[] = [
      { type: 'run.started', at: 1, operation, total: 3 },
      { type: 'batch.sent', at: 1, batch: 1, rows: { company: [3] } },
      { type: 'batch.sent', at: 1, batch: 2, rows: { company: [1] } },
      { type: 'batch.sent', at: 1, batch: 3, rows: { company: [2] } },
      { type: 'batch.settled', at: 2, batch: 1, ok: { company: [3] }, ids: { company: [9] }, unknown: {}, ...none },
      { type: 'batch.settled', at: 3, batch: 2, ok: { company: [1] }, ids: { company: [11] }, unknown: {}, ...none },
      { type: 'batch.settled', at: 4, batch: 3, ok: {}, ids: {}, unknown: { company: [2] }, ...none },
      { type: 'run.finished', at: 5, status: 'failed', failure: null }
    ]
    const run = recordOf('run', operation)
    const { sought } = await attemptOn(run, { run: compact(operation)(whole) })
    expect(sought.tags).toEqual(expect.arrayContaining(['run:1', 'run:2']))
    expect(sought.tags).not.toContain('run:3')
    expect(sought).toEqual((await attemptOn(run, { run: whole })).sought)
  })

  test('of a clear run that is over for good names only what was refused', () => {
    const operation: Operation = { kind: 'clear', scope: 'all' }
    const refused: Rejection = { entity: 'contact', row: 21, code: 'REJECTED', message: 'No' }
    const bounds = { company: { maxId: 13, total: 2 }, contact: { maxId: 40, total: 1 } }
    const none = { ids: {}, returned: {}, unknown: {} }
    const whole: RunEvent[] = [
      { type: 'run.started', at: 1, operation, total: null },
      { type: 'clear.bounded', at: 2, bounds },
      { type: 'batch.sent', at: 3, batch: 1, rows: { company: [2, 3], contact: [21] } },
      { type: 'batch.settled', at: 4, batch: 1, ok: { company: [2, 3] }, rejected: [refused], ...none },
      { type: 'run.finished', at: 5, status: 'completed', failure: null }
    ]
    const compacted = compact(operation)(whole)
    expect(fold(operation, compacted)).toEqual(fold(operation, whole))
    expect(JSON.stringify(compacted)).not.toContain('[2,3]')
    expect(compacted.flatMap(event => ('rejected' in event ? event.rejected : []))).toEqual([refused])
  })
})
