// A create run: companies and their contacts travel together; lost answers are settled by origin tag, and all is counted at the end.
// Must stay true: a row whose outcome is unknown is never sent again before it was looked up.

import type { Channel } from '../channel.ts'
import type { Clock } from '../clock.ts'
import { type EntityName, entities, entityNames } from '../entities.ts'
import { answerSeconds, type Command } from '../portal.ts'
import type { Batch, Mission } from '../run/mission.ts'
import { type BatchRow, blockedBy, settleFailure, settleRows, type Verdict, verdictOf } from '../run/settle.ts'
import { type Allowance, allowanceOf } from '../speed/allowance.ts'
import { keptForClosing, looksAt } from '../speed/closing.ts'
import { createCount } from './count.ts'
import { createCreateQueue } from './create-queue.ts'
import { flatRows, type Ledger, rowsByEntity } from './ledger.ts'
import { demandCompany, removeRows } from './look-up.ts'
import { createLostCompanies } from './lost-companies.ts'
import type { Plan } from './plan.ts'
import { createReconciler } from './reconcile.ts'
import { createWitnesses } from './witnesses.ts'

/** What the portal is done with is looked up after this share of the longest request: its lists may be a moment behind. */
const SOON = 1 / 30
/** Rows looked up in one go. */
const LOOK_UP_AT_ONCE = 500

export interface CreateMissionDeps {
  readonly plan: Plan
  readonly ledger: Ledger
  /** Retry: rows that earlier runs call rejected, and did not look for. They go before any is sent again. */
  readonly before: readonly Leftover[]
  readonly channel: Channel
  readonly clock: Clock
  /** How long a portal may go on working on one request. */
  readonly requestSeconds: number
}

/** Rows under the tags of an earlier run. */
export interface Leftover {
  readonly plan: Plan
  readonly rows: readonly number[]
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0

/** A new record's id: an int; a string of digits is taken too. */
const judgeAdd = (result: unknown): Verdict => {
  const id = typeof result === 'string' && /^\d+$/.test(result) ? Number(result) : result
  return isId(id) ? { is: 'ok', id } : { is: 'unknown' }
}

export const createCreateMission = (deps: CreateMissionDeps): Mission => {
  const { plan, ledger, before, channel, clock, requestSeconds } = deps
  let queue = createCreateQueue(plan, ledger)
  const witnesses = createWitnesses()
  const reconciler = createReconciler({ plan, ledger, witnesses, channel, clock })
  /**
   * Unknown rows, and when the portal can no longer be working on them: in steady time, from the moment when this process heard of it.
   * What another process wrote down is dated by another clock, or by this one before it was set.
   */
  const dueAt = new Map<number, number>()
  const count = createCount(deps)
  const lost = createLostCompanies(deps)
  /** After a rejection a reference could feed garbage (protocol.md, trap 6) or stop the batch, so contacts wait for ids. */
  let paired = true

  /**
   * When the portal can no longer be working on a request that nobody waits for `seconds` from now: it may begin as late as that,
   * and then works for `requestSeconds` at most. When the request left does not matter, and is not known exactly.
   */
  const certainlyOver = (seconds: number): number => clock.steady() + (seconds + requestSeconds) * 1000

  const keyOf = (row: number): string => `${plan.entityOf(row) === 'company' ? 'c' : 'p'}${row}`
  const batchRows = (batch: Batch): BatchRow[] =>
    flatRows(batch.rows).map(row => ({ key: keyOf(row), entity: plan.entityOf(row), row }))
  const allowance = (entity: EntityName, now: number): Allowance => {
    const left = ledger.count('pending', entity)
    const work = { method: entities[entity].add, kind: 'create', left, underWay: ledger.count('sent', entity) }
    return allowanceOf(channel, work, now, requestSeconds)
  }

  const commandsOf = (rows: readonly number[]): { commands: Command[]; halt: boolean } => {
    const inBatch = new Set(rows)
    let halt = false
    const commands = rows.map(row => {
      const entity = plan.entityOf(row)
      if (entity === 'company') return { key: keyOf(row), method: entities.company.add, params: plan.addParams(row) }
      const company = plan.companyOf(row)
      const referenced = inBatch.has(company)
      halt ||= referenced
      const link = referenced ? `$result[${keyOf(company)}]` : ledger.idOf(company)
      return { key: keyOf(row), method: entities.contact.add, params: plan.addParams(row, link) }
    })
    return { commands, halt }
  }

  const workLeft = (): boolean => ledger.count('pending') > 0 || ledger.count('sent') > 0 || ledger.count('unknown') > 0
  const dueRows = (): number[] => {
    const rows: number[] = []
    const now = clock.steady()
    for (const [row, due] of dueAt) {
      if (due <= now) rows.push(row)
      if (rows.length === LOOK_UP_AT_ONCE) break
    }
    return rows
  }

  return {
    async prepare(confirm) {
      // What goes out first depends on what became of the rows, not on the order in which it did: a compacted journal does not know that.
      queue = createCreateQueue(plan, ledger)
      // One cheap read finds a wrong address, a revoked webhook or a missing scope before anything is written.
      if (!channel.proven()) await reconciler.probe()
      if (plan.existingCompany !== undefined) await demandCompany(channel, plan.existingCompany)
      for (const leftover of before)
        await removeRows(channel, leftover.plan, rowsByEntity(leftover.plan, leftover.rows), confirm)
      return lost.miss(confirm)
    },
    left: () => ledger.count('pending'),
    keeps: free =>
      keptForClosing(looksAt([plan.companies, plan.contacts]), channel.speed, ledger.count('pending'), free),
    next(limit, now) {
      const company = allowance('company', now)
      const contact = allowance('contact', now)
      const rows = queue.take(limit, { company: company.rows, contact: contact.rows, paired })
      if (rows.length === 0) return null
      const { commands, halt } = commandsOf(rows)
      return { rows: rowsByEntity(plan, rows), commands, halt: halt || company.halt || contact.halt }
    },
    settle(batch, result) {
      const rows = batchRows(batch)
      // What was executed all the same (something on the way delivered it twice) is found by the count at the end.
      if ('failure' in result) return settleFailure(rows, result.failure, result.failure.applied === 'no')
      const verdicts = new Map<number, Verdict>()
      return settleRows(
        rows,
        ({ key, row, entity }) => {
          let verdict = verdictOf(result.reply.outcomes.get(key), judgeAdd)
          const companyVerdict = entity === 'contact' ? verdicts.get(plan.companyOf(row)) : undefined
          if (verdict.is === 'ok' && companyVerdict !== undefined && companyVerdict.is !== 'ok')
            verdict = { is: 'unknown' }
          verdicts.set(row, verdict)
          return verdict
        },
        { done: true, blocked: blockedBy(batch, result) }
      )
    },
    apply(event) {
      ledger.apply(event)
      queue.follow(event)
      count.follow(event)
      witnesses.follow(event)
      // A look-up that allowed it may have been forgotten (its write failed): whatever goes out is not unknown any more.
      if (event.type === 'batch.sent' && dueAt.size > 0) for (const row of flatRows(event.rows)) dueAt.delete(row)
      if (event.type === 'batch.settled') {
        if (event.rejected.length > 0) paired = false
        const due = event.done ? clock.steady() + SOON * requestSeconds * 1000 : certainlyOver(0)
        for (const row of flatRows(event.unknown)) dueAt.set(row, due)
      }
      if (event.type === 'run.taken') {
        // Its last request, or its last correction, left before we took the portal; for that it may have gone on waiting, if it lives.
        const over = certainlyOver(event.orphaned ? 0 : answerSeconds(requestSeconds))
        for (const [row, due] of dueAt) dueAt.set(row, Math.max(due, over))
      }
      if (event.type === 'rows.reconciled') {
        for (const row of [...flatRows(event.ok), ...flatRows(event.missing)]) dueAt.delete(row)
      }
      const orphans = lost.orphansOf(event)
      return orphans.length === 0 ? [] : [{ type: 'rows.rejected', at: event.at, rejected: orphans }]
    },
    underWay: rows =>
      rowsByEntity(
        plan,
        flatRows(rows).filter(row => ledger.status(row) === 'sent')
      ),
    chore(settling) {
      const due = dueRows()
      if (due.length > 0) return confirm => reconciler.settle(due, confirm)
      const quiet = settling ? ledger.count('unknown') + ledger.count('sent') === 0 : !workLeft()
      return quiet && count.due() && clock.steady() >= count.notBefore() ? count.take : null
    },
    recount: count.recount,
    closingAt: count.endsAt,
    choreAt() {
      let first = Number.POSITIVE_INFINITY
      for (const due of dueAt.values()) first = Math.min(first, due)
      if (count.due() && count.notBefore() > clock.steady()) first = Math.min(first, count.notBefore())
      return first
    },
    wants: () => entityNames.filter(entity => ledger.count('pending', entity) > 0).map(entity => entities[entity].add),
    finished: () => !workLeft() && !count.due(),
    certain: () => ledger.count('unknown') === 0
  }
}
