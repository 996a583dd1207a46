// The count at the end of a create run: the portal is asked for all that carries the run's tags, whatever its answers said.
// Must stay true: second copies go; what is proven to be gone goes out again; nothing is called gone because a list does not show it.
import type { Channel } from '../channel.ts'
import type { Clock } from '../clock.ts'
import { Refused } from '../demand.ts'
import type { EntityName } from '../entities.ts'
import { askPresence } from '../presence.ts'
import { type Chore, createRowSet, type RowSet } from '../run/mission.ts'
import type { RunEvent, RunFailure } from '../run/run.ts'
import { planClosing } from '../speed/closing.ts'
import { MAX_IN_FLIGHT } from '../speed/dispatcher.ts'
import { flatRows, type Ledger, rowsByEntity } from './ledger.ts'
import { correct, type Found, type FoundRecord, type LookUpSpread, lookUpRows } from './look-up.ts'
import type { Plan } from './plan.ts'

/** So often rows may be found gone, or lists behind, in one attempt: then something removes or hides them, and sending again would not end. */
const MOST_COUNTS = 3
/** Rows looked at in one go: a run that is stopped does not wait for more. */
const AT_ONCE = 20_000
/** Lists that are behind are asked again after this share of the longest request. */
const SOON = 1 / 30

type Counted = Extract<RunEvent, { type: 'rows.counted' }>

export interface Count {
  /** Rows went out that were not counted yet. */
  due(): boolean
  /** Steady ms before which it need not be asked again. */
  notBefore(): number
  /** Counts all rows that ever went out, some at a time; an event when it has seen all. `confirm`: as in a Chore. @throws {PortalFailure} when the portal gives no answer */
  take(confirm: () => Promise<void>): Promise<Counted[]>
  /** As Mission.closingAt. */
  endsAt(): number | undefined
  /** As Mission.recount. */
  recount(): Promise<Chore | null>
  /** Keeps up with the journal; call after `ledger.apply(event)`. */
  follow(event: RunEvent): void
}

interface Deps {
  readonly plan: Plan
  readonly ledger: Ledger
  readonly channel: Channel
  readonly clock: Clock
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
}

/** What differs from what the ledger says. */
interface Findings {
  readonly extras: Record<EntityName, number[]>
  readonly links: { readonly contactId: number; readonly companyId: number }[]
  /** Rows that are there although nobody knew, with their ids. */
  readonly ok: RowSet
  readonly ids: RowSet
  /** Rows that are done, and that no list shows. */
  readonly absent: number[]
  /** Ids of companies that the ledger does not know. */
  readonly companies: Map<number, number>
}

const nothingFound = (): Findings => ({
  extras: { company: [], contact: [] },
  links: [],
  ok: createRowSet(),
  ids: createRowSet(),
  absent: [],
  companies: new Map()
})

interface Proof {
  readonly gone: readonly number[]
  readonly hidden: boolean
  /** Some are there, or may be; no list shows them. */
  readonly unlisted: boolean
}

const NOT_READABLE: RunFailure = {
  code: 'NOT_READABLE',
  message:
    'Whoever started the run may not read all that it has created, so the portal could not be counted. Give the right to read companies and contacts.'
}
const LISTS_BEHIND: RunFailure = {
  code: 'LISTS_BEHIND',
  message: 'The lists of the portal do not show all that is there, so it could not be counted. Look at it again later.'
}
const KEEPS_VANISHING: RunFailure = {
  code: 'RECORDS_VANISH',
  message:
    'Records of the run are removed as soon as they are created. Look for an automation rule or a person that deletes them, then resume the run.'
}

export const createCount = ({ plan, ledger, channel, clock, requestSeconds }: Deps): Count => {
  /** Rows that ever went out: the portal may hold something of them. */
  const out = new Uint8Array(plan.total + 1)
  let open = false
  let counts = 0
  let endsAt: number | undefined
  let looking: { readonly rows: readonly number[]; at: number; readonly findings: Findings } | undefined
  let notBefore = Number.NEGATIVE_INFINITY

  const rowsOut = (): number[] => {
    const rows: number[] = []
    for (let row = 1; row <= plan.total; row += 1) if (out[row] === 1) rows.push(row)
    return rows
  }
  /** Nothing else of this run is left: the whole bucket is the count's. */
  const spread = (commands: number): LookUpSpread => {
    const { speed, pace } = channel
    const free = pace.free(clock.steady(), 'run')
    const { sizes, seconds } = planClosing({ commands, speed, free, rate: pace.rate, requestSeconds })
    endsAt = clock.steady() + seconds * 1000
    return { sizes, abreast: MAX_IN_FLIGHT }
  }

  /** The record of a row that stays: the one whose id is known, or the contact that hangs at its company; else the oldest. */
  const keptOf = (row: number, records: readonly FoundRecord[], companyId: number): FoundRecord | undefined => {
    const status = ledger.status(row)
    if (status === 'rejected') return undefined
    const isRight = (record: FoundRecord): boolean =>
      plan.entityOf(row) === 'company' ? record.id === ledger.idOf(row) : record.companyId === companyId
    return records.find(isRight) ?? records[0]
  }

  /** Compares what is there with what the ledger says, and adds to what was found so far. */
  const compare = (rows: readonly number[], found: Found, so: Findings): void => {
    const judge = (row: number, companyId: number): FoundRecord | undefined => {
      const entity = plan.entityOf(row)
      const records = found[entity].get(row) ?? []
      const kept = keptOf(row, records, companyId)
      so.extras[entity].push(...records.filter(record => record !== kept).map(({ id }) => id))
      if (kept === undefined && ledger.status(row) === 'ok') so.absent.push(row)
      if (kept !== undefined && ledger.status(row) !== 'ok') {
        so.ok.add(entity, row)
        so.ids.add(entity, kept.id)
      }
      return kept
    }
    for (const row of rows) {
      if (plan.entityOf(row) === 'company') {
        const kept = judge(row, 0)
        if (kept !== undefined && kept.id !== ledger.idOf(row)) so.companies.set(row, kept.id)
        continue
      }
      const company = plan.companyOf(row)
      const companyId = so.companies.get(company) ?? ledger.idOf(company)
      const kept = judge(row, companyId)
      if (kept !== undefined && kept.companyId !== companyId && companyId !== 0)
        so.links.push({ contactId: kept.id, companyId })
    }
  }

  /** Looks at the next rows; what was found when it was the last of them, else undefined. */
  const look = async (confirm?: () => Promise<void>): Promise<Findings | undefined> => {
    looking ??= { rows: rowsOut(), at: 0, findings: nothingFound() }
    const { rows, at, findings } = looking
    const part = rows.slice(at, at + AT_ONCE)
    const found = await lookUpRows(channel, plan, rowsByEntity(plan, part), spread, confirm)
    compare(part, found, findings)
    looking.at += part.length
    return looking.at < rows.length ? undefined : findings
  }

  /** Of rows that are done and that no list shows: which are proven to be gone. */
  const prove = async (absent: readonly number[], confirm: () => Promise<void>): Promise<Proof> => {
    const records = absent.map(row => ({ entity: plan.entityOf(row), id: ledger.idOf(row) }))
    const answers = await askPresence(channel, records, 'run', confirm)
    return {
      gone: absent.filter((_, index) => answers[index] === 'gone'),
      hidden: answers.includes('hidden'),
      unlisted: answers.includes('there') || answers.includes('unanswered')
    }
  }

  const counted = (event: Partial<Counted>): Counted => ({
    type: 'rows.counted',
    at: clock.now(),
    ok: {},
    ids: {},
    missing: {},
    extras: {},
    verified: false,
    problem: null,
    ...event
  })

  /** Why nobody can tell whether all is there; null: all is, or what is missing goes out again. */
  const problemOf = ({ gone, hidden, unlisted }: Proof): RunFailure | null => {
    if (hidden) return NOT_READABLE
    if (counts < MOST_COUNTS) return null
    return unlisted ? LISTS_BEHIND : gone.length > 0 ? KEEPS_VANISHING : null
  }

  const take = async (confirm: () => Promise<void>): Promise<Counted[]> => {
    const findings = await look(confirm)
    if (findings === undefined) return []
    const { absent, extras, links, ok, ids } = findings
    const proof = await prove(absent, confirm)
    await correct(channel, links, extras, confirm)
    looking = undefined
    counts += 1
    if (proof.unlisted) notBefore = clock.steady() + SOON * requestSeconds * 1000
    const problem = problemOf(proof)
    const missing = problem === null ? rowsByEntity(plan, proof.gone) : {}
    const verified = problem === null && proof.gone.length === 0 && !proof.unlisted
    return [counted({ ok: ok.toRows(), ids: ids.toRows(), extras, missing, verified, problem })]
  }

  return {
    due: () => open,
    notBefore: () => notBefore,
    endsAt: () => (looking === undefined ? undefined : endsAt),
    async take(confirm) {
      try {
        return await take(confirm)
      } catch (error) {
        // All is created; it only may not be read.
        if (!(error instanceof Refused)) throw error
        looking = undefined
        return [counted({ problem: { code: error.code, message: error.message } })]
      }
    },
    async recount() {
      let findings: Findings | undefined
      while (findings === undefined) findings = await look()
      looking = undefined
      const { extras, links } = findings
      const [ok, ids] = [findings.ok.toRows(), findings.ids.toRows()]
      const found = flatRows(ok).length + flatRows(extras).length + links.length
      if (found === 0) return null
      return async confirm => {
        await correct(channel, links, extras, confirm)
        return [counted({ ok, ids, extras, late: true })]
      }
    },
    follow(event) {
      if (event.type === 'batch.sent') {
        open = true
        looking = undefined
        for (const row of flatRows(event.rows)) out[row] = 1
      }
      // Rows that are there or gone, and rows whose list is behind, make another count due.
      if (event.type === 'rows.counted' && !event.late) open = !event.verified && event.problem === null
    }
  }
}
