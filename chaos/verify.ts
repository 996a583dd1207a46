// What must hold after a round: the portal is counted, record by record.
// Must stay true: nothing is taken from the app's word alone; every problem is one sentence.
import type { EmulatedPortal } from '../emulator/emulated-portal.ts'
import type { Rows, RunEvent, RunSnapshot } from '../server/core/run/run.ts'
import type { Operation } from './schedule.ts'

const OURS = 'BITRIXCORP'

interface Seen {
  readonly id: number
  readonly origin: string
  readonly companyIds: readonly number[]
}

const recordsOf = (portal: EmulatedPortal, entity: 'company' | 'contact') => portal.state.records(entity)

const ours = (portal: EmulatedPortal, entity: 'company' | 'contact', runId: string): Seen[] =>
  recordsOf(portal, entity)
    .filter(({ values }) => values['ORIGINATOR_ID'] === OURS && String(values['ORIGIN_ID']).startsWith(`${runId}:`))
    .map(({ id, values }) => ({
      id,
      origin: String(values['ORIGIN_ID']),
      companyIds: entity === 'contact' ? portal.state.companyIdsOf(id) : []
    }))

/** Ids of foreign records, for the canary check. */
export const foreignIds = (portal: EmulatedPortal): string[] =>
  (['company', 'contact'] as const).flatMap(entity =>
    recordsOf(portal, entity)
      .filter(({ values }) => values['ORIGINATOR_ID'] !== OURS)
      .map(({ id }) => `${entity} ${id}`)
  )

export interface Verdict {
  readonly problems: string[]
  readonly duplicates: number
  readonly lost: number
  readonly rows: number
}

const verifyCreate = (
  portal: EmulatedPortal,
  operation: Extract<Operation, { kind: 'create' }>,
  run: RunSnapshot,
  rejected: ReadonlySet<number>
): Verdict => {
  const problems: string[] = []
  const all = [...ours(portal, 'company', run.id), ...ours(portal, 'contact', run.id)]
  const strays = (['company', 'contact'] as const).flatMap(entity =>
    recordsOf(portal, entity).filter(({ values }) => values['ORIGINATOR_ID'] === OURS)
  )
  if (strays.length > all.length) problems.push(`${strays.length - all.length} records of a run that nobody asked for`)
  const byRow = new Map<number, Seen[]>()
  for (const record of all) {
    const row = Number(record.origin.split(':')[1])
    byRow.set(row, [...(byRow.get(row) ?? []), record])
  }
  let duplicates = 0
  let lost = 0
  const total = operation.companies + operation.contacts
  for (let row = 1; row <= total; row += 1) {
    const found = byRow.get(row) ?? []
    if (found.length > 1) duplicates += found.length - 1
    if (found.length === 0 && !rejected.has(row)) lost += 1
    if (found.length > 0 && rejected.has(row)) problems.push(`row ${row} is called rejected, but exists`)
    if (row <= operation.companies) continue
    const company = byRow.get(((row - operation.companies - 1) % operation.companies) + 1)?.[0]
    for (const { companyIds } of found) {
      if (companyIds.length !== 1 || companyIds[0] !== company?.id)
        problems.push(`contact row ${row} is linked to ${companyIds.join(', ')}`)
    }
  }
  if (duplicates > 0) problems.push(`${duplicates} duplicates`)
  if (lost > 0) problems.push(`${lost} rows lost`)
  const counts = { companies: ours(portal, 'company', run.id).length, contacts: ours(portal, 'contact', run.id).length }
  if (JSON.stringify(counts) !== JSON.stringify(run.created)) {
    problems.push(`the run says ${JSON.stringify(run.created)}, the portal has ${JSON.stringify(counts)}`)
  }
  if (run.done !== total || run.total !== total) problems.push(`done ${run.done} of ${run.total}, planned ${total}`)
  if (run.failed !== rejected.size) problems.push(`failed ${run.failed}, but ${rejected.size} rejections`)
  return { problems, duplicates, lost, rows: total }
}

const verifyClear = (
  portal: EmulatedPortal,
  operation: Extract<Operation, { kind: 'clear' }>,
  run: RunSnapshot,
  before: { readonly ours: number; readonly foreign: number }
): Verdict => {
  const problems: string[] = []
  const planned = before.ours + (operation.scope === 'all' ? before.foreign : 0)
  const left = (['company', 'contact'] as const).flatMap(entity =>
    recordsOf(portal, entity).filter(({ values }) => values['ORIGINATOR_ID'] === OURS)
  ).length
  const deleted = run.deleted.companies + run.deleted.contacts
  if (left !== 0 && run.failed === 0) problems.push(`${left} of our records are left`)
  if (deleted + run.failed !== planned) problems.push(`deleted ${deleted} + rejected ${run.failed}, planned ${planned}`)
  return { problems, duplicates: 0, lost: 0, rows: planned }
}

const isAbout = (event: RunEvent, row: number): boolean =>
  ['rows', 'ok', 'unknown', 'returned', 'missing'].some(part => {
    const rows = (event as unknown as Readonly<Record<string, Rows | undefined>>)[part] // not every event has every part
    return (['company', 'contact'] as const).some(entity => rows?.[entity]?.includes(row) === true)
  })

/** Rows of a create run that its journal calls done more than once, each with all that the journal says of it. */
export const countedTwice = (events: readonly RunEvent[]): string[] => {
  const seen = new Set<number>()
  const twice = new Set<number>()
  for (const event of events) {
    if (event.type !== 'batch.settled' && event.type !== 'rows.reconciled' && event.type !== 'rows.counted') continue
    for (const row of [...(event.ok.company ?? []), ...(event.ok.contact ?? [])])
      (seen.has(row) ? twice : seen).add(row)
    // What was counted as gone is made again.
    if (event.type === 'rows.counted')
      for (const row of [...(event.missing.company ?? []), ...(event.missing.contact ?? [])]) seen.delete(row)
  }
  return [...twice].map(row => {
    const history = events.filter(event => isAbout(event, row) || event.type.startsWith('run.'))
    return `row ${row} is done twice:\n${history.map(event => JSON.stringify(event)).join('\n')}`
  })
}

/** Counts the portal against what the round asked for. */
export const verifyRound = (
  portal: EmulatedPortal,
  operation: Operation,
  run: RunSnapshot,
  facts: {
    readonly rejected: ReadonlySet<number>
    readonly before: { readonly ours: number; readonly foreign: number }
    /** Foreign records that must still be there. */
    readonly canaries: readonly string[]
  }
): Verdict => {
  const verdict =
    operation.kind === 'create'
      ? verifyCreate(portal, operation, run, facts.rejected)
      : verifyClear(portal, operation, run, facts.before)
  const there = new Set(foreignIds(portal))
  const touched = facts.canaries.filter(id => !there.has(id))
  if (touched.length > 0) verdict.problems.push(`foreign records were touched: ${touched.slice(0, 5).join(', ')}`)
  if (run.percent !== 100) verdict.problems.push(`percent is ${run.percent}`)
  return verdict
}
