// Companies that contacts are still to hang at, and that are not there: gone ones are made again; contacts of rejected ones are rejected.
// Must stay true: a contact is never sent without its company.
import type { Channel } from '../channel.ts'
import type { Clock } from '../clock.ts'
import { askPresence } from '../presence.ts'
import type { Rejection, RunEvent } from '../run/run.ts'
import type { Ledger } from './ledger.ts'
import { absentCompanies } from './look-up.ts'
import type { Plan } from './plan.ts'

export interface LostCompanies {
  /** Before an attempt goes on: companies of waiting contacts that somebody has deleted go out again. @throws {PortalFailure} */
  miss(confirm: () => Promise<void>): Promise<RunEvent[]>
  /** Contacts that an event leaves without their company. */
  orphansOf(event: RunEvent): Rejection[]
}

function* contactRows({ companies, total }: Plan): Generator<number> {
  for (let row = companies + 1; row <= total; row += 1) yield row
}

export const createLostCompanies = (deps: {
  readonly plan: Plan
  readonly ledger: Ledger
  readonly channel: Channel
  readonly clock: Pick<Clock, 'now'>
}): LostCompanies => {
  const { plan, ledger, channel, clock } = deps
  const isWaiting = (row: number): boolean => ['pending', 'unknown'].includes(ledger.status(row))
  const isOrphan = (row: number): boolean => ledger.status(plan.companyOf(row)) === 'rejected'
  const rejection = (row: number): Rejection => ({
    row,
    entity: 'contact',
    code: 'COMPANY_REJECTED',
    message: `Its company (row ${plan.companyOf(row)}) was rejected`
  })

  return {
    async miss(confirm) {
      if (ledger.count('ok', 'company') === 0) return []
      const companies = new Set<number>()
      for (const row of contactRows(plan)) {
        const company = plan.companyOf(row)
        if (company > 0 && isWaiting(row) && ledger.status(company) === 'ok') companies.add(company)
      }
      const absent = await absentCompanies(channel, [...companies].map(ledger.idOf))
      const rows = [...companies].filter(row => absent.has(ledger.idOf(row)))
      const asked = rows.map(row => ({ entity: 'company', id: ledger.idOf(row) }) as const)
      const answers = await askPresence(channel, asked, 'run', confirm)
      const gone = rows.filter((_, index) => answers[index] === 'gone')
      if (gone.length === 0) return []
      const nothing = { ok: {}, ids: {}, extras: {} }
      return [
        {
          type: 'rows.counted',
          at: clock.now(),
          ...nothing,
          missing: { company: gone },
          verified: false,
          problem: null
        }
      ]
    },
    orphansOf(event) {
      switch (event.type) {
        case 'batch.settled': {
          const ofCompanies = event.rejected
            .filter(({ entity }) => entity === 'company')
            .flatMap(({ row }) => [...plan.contactsOf(row)].filter(row => ledger.status(row) === 'pending'))
          const late = (event.returned.contact ?? []).filter(isOrphan)
          return [...new Set([...ofCompanies, ...late])].map(rejection)
        }
        case 'rows.reconciled':
        case 'rows.counted':
          return (event.missing.contact ?? []).filter(isOrphan).map(rejection)
        default:
          return []
      }
    }
  }
}
