// Contacts that can't be created, because their company is not there: it was rejected, or somebody has deleted it.
// Must stay true: such a contact is rejected, never sent without its company.
import type { Channel } from '../channel.ts'
import type { Rejection, RunEvent } from '../run/run.ts'
import type { Ledger } from './ledger.ts'
import { absentCompanies } from './look-up.ts'
import type { Plan } from './plan.ts'

export interface LostCompanies {
  /**
   * Asks for the companies that contacts are still to hang at. Resolves with contacts whose company is gone.
   * @throws {PortalFailure}
   */
  miss(): Promise<Rejection[]>
  /** Contacts that an event leaves without their company. */
  orphansOf(event: RunEvent): Rejection[]
}

function* contactRows({ companies, total }: Plan): Generator<number> {
  for (let row = companies + 1; row <= total; row += 1) yield row
}

export const createLostCompanies = (plan: Plan, ledger: Ledger, channel: Channel): LostCompanies => {
  /** Companies that were created, and are there no more. */
  const gone = new Set<number>()

  const isLost = (row: number): boolean => {
    const company = plan.companyOf(row)
    return ledger.status(company) === 'rejected' || gone.has(company)
  }
  const isPending = (row: number): boolean => ledger.status(row) === 'pending'
  const rejection = (row: number): Rejection => {
    const company = plan.companyOf(row)
    const [code, what] = gone.has(company)
      ? ['COMPANY_GONE', `, ID ${ledger.companyId(company)}) is not there any more, or may not be seen`]
      : ['COMPANY_REJECTED', ') was rejected']
    return { row, entity: 'contact', code, message: `Its company (row ${company}${what}` }
  }

  return {
    async miss() {
      if (ledger.count('ok', 'company') === 0) return []
      const waiting = [...contactRows(plan)].filter(row => isPending(row) || ledger.status(row) === 'unknown')
      const companies = new Set(waiting.map(plan.companyOf).filter(row => row > 0 && ledger.status(row) === 'ok'))
      const absent = await absentCompanies(channel, [...companies].map(ledger.companyId))
      for (const row of companies) if (absent.has(ledger.companyId(row))) gone.add(row)
      return waiting.filter(row => isPending(row) && gone.has(plan.companyOf(row))).map(rejection)
    },
    orphansOf(event) {
      if (event.type === 'batch.settled') {
        const ofCompanies = event.rejected
          .filter(({ entity }) => entity === 'company')
          .flatMap(({ row }) => [...plan.contactsOf(row)].filter(isPending))
        const late = (event.returned.contact ?? []).filter(isLost)
        return [...new Set([...ofCompanies, ...late])].map(rejection)
      }
      return event.type === 'rows.reconciled' ? (event.missing.contact ?? []).filter(isLost).map(rejection) : []
    }
  }
}
