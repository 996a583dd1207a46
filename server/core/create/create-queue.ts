// Which rows of a create run can go out next, in what order.
// Must stay true: a contact goes out only behind its company in the same batch, or when the company has an id.

import type { RunEvent } from '../run/run.ts'
import type { Ledger } from './ledger.ts'
import type { Plan } from './plan.ts'

export interface Openings {
  /** Rows of each entity that may be added now (0: the method is parked). */
  readonly company: number
  readonly contact: number
  /** A company may take its first contact along in the same batch. */
  readonly paired: boolean
}

export interface CreateQueue {
  /** Up to `limit` pending rows in the order in which their commands must stand in the batch. */
  take(limit: number, openings: Openings): number[]
  /** Keeps up with the ledger; call after `ledger.apply(event)`. */
  follow(event: RunEvent): void
}

export const createCreateQueue = (plan: Plan, ledger: Ledger): CreateQueue => {
  let companyCursor = 1
  const companies: number[] = []
  const contacts: number[] = []
  /** Settled companies whose contacts may still be pending, with the next contact to look at. */
  const fans: Iterator<number>[] = []

  const pending = (row: number): boolean => ledger.status(row) === 'pending'
  const offer = (row: number): void => {
    if (plan.entityOf(row) === 'company') companies.push(row)
    else if (ledger.status(plan.companyOf(row)) === 'ok') contacts.push(row)
  }
  const fanOut = (company: number): void => {
    fans.push(plan.contactsOf(company)[Symbol.iterator]())
  }
  if (plan.existingCompany !== undefined) fanOut(0)
  for (let row = 1; row <= plan.companies; row += 1) if (ledger.status(row) === 'ok') fanOut(row)

  const nextCompany = (): number | undefined => {
    while (companies.length > 0) {
      const row = companies.pop()
      if (row !== undefined && pending(row)) return row
    }
    while (companyCursor <= plan.companies) {
      const row = companyCursor
      companyCursor += 1
      if (pending(row)) return row
    }
    return undefined
  }
  const nextContact = (taken: ReadonlySet<number>): number | undefined => {
    while (contacts.length > 0) {
      const row = contacts.pop()
      if (row !== undefined && pending(row) && !taken.has(row)) return row
    }
    for (let fan = fans.at(-1); fan !== undefined; fan = fans.at(-1)) {
      const { value, done } = fan.next()
      if (done) fans.pop()
      else if (pending(value) && !taken.has(value)) return value
    }
    return undefined
  }
  const firstContactOf = (company: number, taken: ReadonlySet<number>): number | undefined => {
    for (const row of plan.contactsOf(company)) return pending(row) && !taken.has(row) ? row : undefined
    return undefined
  }

  return {
    take(limit, openings) {
      const taken = new Set<number>()
      let { company: companiesOpen, contact: contactsOpen } = openings
      while (contactsOpen > 0 && taken.size < limit) {
        const row = nextContact(taken)
        if (row === undefined) break
        taken.add(row)
        contactsOpen -= 1
      }
      while (companiesOpen > 0 && taken.size < limit) {
        const company = nextCompany()
        if (company === undefined) break
        taken.add(company)
        companiesOpen -= 1
        const contact = openings.paired && contactsOpen > 0 ? firstContactOf(company, taken) : undefined
        if (contact === undefined) continue
        if (taken.size < limit) {
          taken.add(contact)
          contactsOpen -= 1
        } else if (taken.size > 1) {
          // No room for the pair: the company waits for the next batch, so that both travel together.
          taken.delete(company)
          companies.push(company)
          break
        }
      }
      return [...taken]
    },
    follow(event) {
      switch (event.type) {
        case 'batch.settled':
          event.ok.company?.forEach(fanOut)
          event.returned.company?.forEach(offer)
          event.returned.contact?.forEach(offer)
          break
        case 'rows.reconciled':
        case 'rows.counted':
          event.ok.company?.forEach(fanOut)
          event.missing.company?.forEach(offer)
          event.missing.contact?.forEach(offer)
          break
        default:
          break
      }
    }
  }
}
