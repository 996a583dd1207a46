// Any recipe, any fates of requests, any kill point: every row is accounted for exactly once.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Operation } from '../../server/core/recipe.ts'
import { applyRunEvent, initialRunState, toSnapshot } from '../../server/core/run/fold.ts'
import type { Disk } from '../support/memory-journal.ts'
import { duplicates, fateScript, kills, runToTheEnd } from '../support/struck-runs.ts'

/** Every prefix of a journal folds to a valid snapshot, and percent never falls. */
const expectValidPrefixes = (disk: Disk, operation: Operation): void => {
  let state = initialRunState(operation)
  let percent = 0
  for (const event of disk.events.get('run1') ?? []) {
    state = applyRunEvent(state, event)
    const snapshot = toSnapshot(state, { id: 'run1', portal: 'p', startedAt: 0, startedBy: 'test' })
    expect(snapshot.percent).toBeGreaterThanOrEqual(percent)
    expect(snapshot.percent).toBeLessThanOrEqual(100)
    expect(snapshot.done).toBeLessThanOrEqual(snapshot.total)
    percent = snapshot.percent
  }
}

describe('exactly once', () => {
  it('creates every row once, whatever happens to requests and whenever the process is killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 60 }),
        fateScript,
        kills,
        async (companies, contacts, fates, deaths) => {
          const operation: Operation = { kind: 'create', recipe: { companies, contacts, seed: 1, locale: 'ru' } }
          const { snapshot, disk, portal } = await runToTheEnd(operation, fates, deaths)
          const records = [...portal.companies.values(), ...portal.contacts.values()]
          expect(duplicates(records.map(({ originId }) => originId))).toEqual([])
          expect(records.length + snapshot.failed).toBe(companies + contacts)
          expect(snapshot.created).toEqual({ companies: portal.companies.size, contacts: portal.contacts.size })
          expect(snapshot.percent).toBe(100)
          for (const contact of portal.contacts.values()) {
            const row = Number(contact.originId.split(':')[1])
            const company = portal.companies.get(contact.companyId)
            expect(company?.originId).toBe(`run1:${((row - companies - 1) % companies) + 1}`)
          }
          expectValidPrefixes(disk, operation)
        }
      ),
      { numRuns: 150 }
    )
  }, 120_000)

  it('creates contacts for a company that is there already, each once and linked to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fateScript, kills, async (contacts, fates, deaths) => {
        const companyId = 1_000_000
        const recipe = { companies: 0, contacts, seed: 1, locale: 'ru', companyId } as const
        const operation: Operation = { kind: 'create', recipe }
        const { snapshot, disk, portal } = await runToTheEnd(operation, fates, deaths, ({ companies }) => {
          companies.set(companyId, { id: companyId, originId: '', companyId: 0 })
        })
        expect(portal.companies.size).toBe(1)
        expect(duplicates([...portal.contacts.values()].map(({ originId }) => originId))).toEqual([])
        expect(portal.contacts.size + snapshot.failed).toBe(contacts)
        expect(snapshot).toMatchObject({ total: contacts, percent: 100, created: { contacts: portal.contacts.size } })
        for (const contact of portal.contacts.values()) expect(contact.companyId).toBe(companyId)
        expectValidPrefixes(disk, operation)
      }),
      { numRuns: 60 }
    )
  }, 60_000)

  it('clears what existed when it began, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 130 }),
        fc.integer({ min: 0, max: 130 }),
        fc.constantFrom('created' as const, 'all' as const),
        fateScript,
        kills,
        async (ours, foreign, scope, fates, deaths) => {
          const operation: Operation = { kind: 'clear', scope }
          const { snapshot, disk, portal } = await runToTheEnd(operation, fates, deaths, ({ companies, contacts }) => {
            for (let n = 1; n <= ours + foreign; n += 1) {
              const originId = n % 2 === 0 && n / 2 <= ours ? `old:${n}` : ''
              companies.set(n, { id: n, originId, companyId: 0 })
              contacts.set(1000 + n, { id: 1000 + n, originId, companyId: n })
            }
          })
          const left = [...portal.companies.values(), ...portal.contacts.values()]
          expect(left.filter(({ originId }) => scope === 'all' || originId !== '')).toEqual([])
          const kept = scope === 'all' ? 0 : 2 * (ours + foreign) - 2 * Math.min(ours, Math.floor((ours + foreign) / 2))
          expect(left.length).toBe(kept)
          expect(snapshot.deleted.companies + snapshot.deleted.contacts).toBe(2 * (ours + foreign) - kept)
          expect(snapshot.total).toBe(snapshot.done)
          expectValidPrefixes(disk, operation)
        }
      ),
      { numRuns: 100 }
    )
  }, 120_000)
})
