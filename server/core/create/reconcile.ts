// Settles rows whose outcome is unknown by their origin tag.
// Must stay true: repeatable at any point; one record of a row stays: the company whose id is known, or the oldest; the contact that hangs at its company.
import type { Channel } from '../channel.ts'
import type { Clock } from '../clock.ts'
import { type EntityName, entityNames } from '../entities.ts'
import { createRowSet } from '../run/mission.ts'
import type { Rows, RunEvent } from '../run/run.ts'
import { type Ledger, rowsByEntity } from './ledger.ts'
import { besideRun, correct, demandGone, type Found, lookUpRows } from './look-up.ts'
import type { Plan } from './plan.ts'
import type { Witnesses } from './witnesses.ts'

export interface Reconciler {
  /** A cheap read: finds a wrong address, a revoked webhook or a missing scope. @throws {PortalFailure} */
  probe(): Promise<void>
  /** Unknown rows: found ones are done, missing ones go out again. `confirm`: as in a Chore. @throws {PortalFailure} */
  settle(rows: readonly number[], confirm: () => Promise<void>): Promise<RunEvent[]>
}

export const createReconciler = (deps: {
  readonly plan: Plan
  readonly ledger: Ledger
  readonly witnesses: Witnesses
  readonly channel: Channel
  readonly clock: Clock
}): Reconciler => {
  const { plan, ledger, witnesses, channel, clock } = deps
  const lookUp = (rows: Rows, confirm?: () => Promise<void>) =>
    lookUpRows(channel, plan, rows, looks => besideRun(looks, channel.pace.free(clock.steady(), 'run')), confirm)

  /** Nothing is called missing by lists that do not show what is certainly there. */
  const lookUpWitnessed = async (rows: Rows, confirm: () => Promise<void>): Promise<Found> => {
    const asked = entityNames.flatMap(entity => {
      const sought = rows[entity]
      return sought === undefined ? [] : { entity, sought, witness: witnesses.of(entity) }
    })
    const withWitnesses = asked.map(({ entity, sought, witness }) => [
      entity,
      witness === undefined ? sought : [...sought, witness.row]
    ])
    const found = await lookUp(Object.fromEntries(withWitnesses), confirm)
    for (const { entity, sought, witness } of asked) {
      const isMissing = (row: number): boolean => !found[entity].has(row)
      if (witness !== undefined && isMissing(witness.row) && sought.some(isMissing))
        await demandGone(channel, entity, witness.id, confirm)
    }
    return found
  }

  const settle: Reconciler['settle'] = async (rows, confirm) => {
    const ok = createRowSet()
    const ids = createRowSet()
    const missing = createRowSet()
    const extras: Record<EntityName, number[]> = { company: [], contact: [] }
    const links: { contactId: number; companyId: number }[] = []
    const by = rowsByEntity(plan, rows)
    const found = await lookUpWitnessed(by, confirm)
    for (const row of by.company ?? []) {
      const [kept, ...rest] = found.company.get(row) ?? []
      if (kept === undefined) missing.add('company', row)
      else {
        ok.add('company', row)
        ids.add('company', kept.id)
        extras.company.push(...rest.map(({ id }) => id))
      }
    }
    for (const row of by.contact ?? []) {
      const records = found.contact.get(row) ?? []
      const company = plan.companyOf(row)
      const companyId = ledger.idOf(company) || (found.company.get(company)?.[0]?.id ?? 0)
      const kept = records.find(record => record.companyId === companyId) ?? records[0]
      if (kept === undefined || companyId === 0) {
        // A contact without its company is worth nothing: it goes, and comes again behind its company.
        missing.add('contact', row)
        extras.contact.push(...records.map(({ id }) => id))
        continue
      }
      ok.add('contact', row)
      ids.add('contact', kept.id)
      extras.contact.push(...records.filter(record => record !== kept).map(({ id }) => id))
      if (kept.companyId !== companyId) links.push({ contactId: kept.id, companyId })
    }
    await correct(channel, links, extras, confirm)
    return [
      {
        type: 'rows.reconciled',
        at: clock.now(),
        ok: ok.toRows(),
        ids: ids.toRows(),
        missing: missing.toRows(),
        extras: {
          ...(extras.company.length > 0 ? { company: extras.company } : {}),
          ...(extras.contact.length > 0 ? { contact: extras.contact } : {})
        }
      }
    ]
  }

  return {
    async probe() {
      await lookUp({ company: [1] })
    },
    settle
  }
}
