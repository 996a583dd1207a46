// A CRM as two maps, and what each method does to them.
// Must stay true: it counts what really exists; no limits, no time, no failures of its own.
import type { Command, CommandOutcome, CommandTime } from '../../server/core/portal.ts'

export interface ModelRecord {
  readonly id: number
  readonly originId: string
  companyId: number
}

export interface ModelCrm {
  readonly companies: Map<number, ModelRecord>
  readonly contacts: Map<number, ModelRecord>
  /** Foreign records, newest last. */
  seed(companies: number, contacts: number): void
  /** Executes one command; `results` holds those of the commands before it in the batch. */
  run(command: Command, results: Map<string, unknown>): CommandOutcome
}

export const createModelCrm = (): ModelCrm => {
  const tables = { company: new Map<number, ModelRecord>(), contact: new Map<number, ModelRecord>() }
  type Kind = keyof typeof tables
  const lastId = { company: 0, contact: 0 }

  const add = (kind: Kind, originId: string, companyId: number): number => {
    lastId[kind] += 1
    tables[kind].set(lastId[kind], { id: lastId[kind], originId, companyId })
    return lastId[kind]
  }
  const list = (kind: Kind, params: Record<string, unknown>): CommandOutcome => {
    const filter = (params['filter'] ?? {}) as Record<string, unknown>
    const descending = (params['order'] as { ID?: string } | undefined)?.ID === 'DESC'
    const tags = filter['@ORIGIN_ID'] === undefined ? undefined : new Set(filter['@ORIGIN_ID'] as string[])
    const ids = filter['@ID'] as number[] | undefined
    const [above, from, below] = [filter['>ID'], filter['>=ID'], filter['<ID']]
    const rows = [...tables[kind].values()]
      .filter(row => tags === undefined || tags.has(row.originId))
      .filter(row => ids === undefined || ids.includes(row.id))
      .filter(row => filter['=ORIGINATOR_ID'] === undefined || row.originId !== '')
      .filter(row => above === undefined || row.id > Number(above))
      .filter(row => from === undefined || row.id >= Number(from))
      .filter(row => below === undefined || row.id < Number(below))
      .sort((a, b) => (descending ? b.id - a.id : a.id - b.id))
    const result = rows.slice(0, 50).map(row => ({
      ID: String(row.id),
      ORIGIN_ID: row.originId,
      ORIGINATOR_ID: row.originId === '' ? null : 'BITRIXCORP',
      COMPANY_ID: row.companyId === 0 ? null : String(row.companyId)
    }))
    return { kind: 'ok', result, total: params['start'] === -1 ? 0 : rows.length }
  }

  return {
    companies: tables.company,
    contacts: tables.contact,
    seed(companies, contacts) {
      for (let n = 0; n < companies; n += 1) add('company', '', 0)
      for (let n = 0; n < contacts; n += 1) add('contact', '', 0)
    },
    run({ method, params }, results) {
      if (method === 'crm.item.get') {
        const table = params['entityTypeId'] === 4 ? tables.company : tables.contact
        return table.has(Number(params['id']))
          ? { kind: 'ok', result: { item: { id: params['id'] } } }
          : { kind: 'refused', code: 'NOT_FOUND', message: 'Item not found' }
      }
      const kind: Kind = method.includes('company') ? 'company' : 'contact'
      if (method.endsWith('.list')) {
        const below = (params['filter'] as Record<string, unknown> | undefined)?.['<ID']
        const reference = typeof below === 'string' ? /^\$result\[(\w+)\]\[(\d+)\]\[ID\]$/.exec(below) : null
        if (reference === null) return list(kind, params)
        const page = results.get(reference[1] ?? '') as { ID: string }[]
        const row = page[Number(reference[2])]
        return row === undefined
          ? { kind: 'ok', result: [] }
          : list(kind, { ...params, filter: { ...(params['filter'] as object), '<ID': row.ID } })
      }
      if (method.endsWith('.add')) {
        const fields = params['fields'] as Record<string, unknown>
        const link = fields['COMPANY_ID']
        const reference = typeof link === 'string' ? /^\$result\[(\w+)\]$/.exec(link)?.[1] : undefined
        const companyId = reference === undefined ? Number(link ?? 0) : Number(results.get(reference) ?? -1)
        return { kind: 'ok', result: add(kind, String(fields['ORIGIN_ID'] ?? ''), companyId) }
      }
      const id = Number(params['id'])
      if (method.endsWith('.delete')) {
        return tables[kind].delete(id)
          ? { kind: 'ok', result: true }
          : { kind: 'refused', code: '', message: kind === 'company' ? 'Company is not found' : 'Contact is not found' }
      }
      const row = tables[kind].get(id)
      if (method.endsWith('.get')) {
        return row === undefined
          ? { kind: 'refused', code: '', message: 'Not found' }
          : { kind: 'ok', result: { ID: String(id) } }
      }
      if (row !== undefined) row.companyId = Number((params['fields'] as Record<string, unknown>)['COMPANY_ID'])
      return row === undefined ? { kind: 'refused', code: '', message: 'Not found' } : { kind: 'ok', result: true }
    }
  }
}

/** A reply in the making: outcomes, times and what later commands may refer to. */
export const createReply = () => {
  const outcomes = new Map<string, CommandOutcome>()
  const times = new Map<string, CommandTime>()
  const results = new Map<string, unknown>()
  return {
    outcomes,
    times,
    results,
    note(key: string, outcome: CommandOutcome, time: CommandTime) {
      outcomes.set(key, outcome)
      if (outcome.kind !== 'ok') return
      results.set(key, outcome.result)
      times.set(key, time)
    }
  }
}
