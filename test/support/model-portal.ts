// A portal as a few maps: what it does to each request is drawn from a script of fates.
// Must stay true: it counts what really exists; a request that works on after its answer was lost is over within `requestSeconds`.
import type { Clock } from '../../server/core/clock.ts'
import {
  type BatchReply,
  type Command,
  type CommandOutcome,
  type Portal,
  PortalFailure
} from '../../server/core/portal.ts'

export type Fate =
  | { readonly is: 'fine' }
  /** Executed, answer lost. */
  | { readonly is: 'answer lost' }
  /** The connection broke at command `after`; the portal goes on for `seconds`, then executes the rest. */
  | { readonly is: 'goes on'; readonly seconds: number }
  /** Only the first commands were executed before the worker died. */
  | { readonly is: 'dies'; readonly after: number }
  | { readonly is: 'never arrives' }
  | { readonly is: 'refused connection' }
  | { readonly is: 'too many requests' }
  /** Delivered twice; the second answer comes back, late. */
  | { readonly is: 'delivered twice'; readonly gap: number }
  /** A limit stops every command from `after` on. */
  | { readonly is: 'limit inside'; readonly after: number }
  /** The result of one command is missing in the answer. */
  | { readonly is: 'result missing'; readonly index: number }
  /** One command is refused. */
  | { readonly is: 'row refused'; readonly index: number }

export interface ModelRecord {
  readonly id: number
  readonly originId: string
  companyId: number
}

export interface ModelPortal {
  readonly portal: Portal
  readonly companies: Map<number, ModelRecord>
  readonly contacts: Map<number, ModelRecord>
  requests(): number
}

const COMMAND_SECONDS = 0.1

export const createModelPortal = (clock: Clock, fates: readonly Fate[], requestSeconds: number): ModelPortal => {
  const tables = { company: new Map<number, ModelRecord>(), contact: new Map<number, ModelRecord>() }
  let lastId = 0
  let requests = 0

  const add = (kind: 'company' | 'contact', fields: Record<string, unknown>, companyId: number): number => {
    lastId += 1
    tables[kind].set(lastId, { id: lastId, originId: String(fields['ORIGIN_ID'] ?? ''), companyId })
    return lastId
  }
  const list = (kind: 'company' | 'contact', params: Record<string, unknown>): CommandOutcome => {
    const filter = (params['filter'] ?? {}) as Record<string, unknown>
    const descending = (params['order'] as { ID?: string } | undefined)?.ID === 'DESC'
    const tags = filter['@ORIGIN_ID'] as string[] | undefined
    const [above, below] = [filter['>ID'], filter['<ID']]
    const rows = [...tables[kind].values()]
      .filter(row => tags === undefined || tags.includes(row.originId))
      .filter(row => filter['=ORIGINATOR_ID'] === undefined || row.originId !== '')
      .filter(row => above === undefined || row.id > Number(above))
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
  const run = ({ method, params }: Command, results: Map<string, unknown>): CommandOutcome => {
    const kind = method.includes('company') ? 'company' : 'contact'
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
      return { kind: 'ok', result: add(kind, fields, companyId) }
    }
    const id = Number(params['id'])
    if (method.endsWith('.delete')) {
      return tables[kind].delete(id)
        ? { kind: 'ok', result: true }
        : { kind: 'refused', code: '', message: kind === 'company' ? 'Company is not found' : 'Contact is not found' }
    }
    const row = tables[kind].get(id)
    if (row !== undefined) row.companyId = Number((params['fields'] as Record<string, unknown>)['COMPANY_ID'])
    return row === undefined ? { kind: 'refused', code: '', message: 'Not found' } : { kind: 'ok', result: true }
  }

  const execute = (
    commands: readonly Command[],
    halt: boolean,
    special: (index: number) => CommandOutcome | 'die' | undefined
  ): BatchReply => {
    const outcomes = new Map<string, CommandOutcome>()
    const results = new Map<string, unknown>()
    let halted = false
    for (const [index, command] of commands.entries()) {
      const drawn = special(index)
      if (drawn === 'die') break
      const outcome: CommandOutcome = halted ? { kind: 'skipped' } : (drawn ?? run(command, results))
      outcomes.set(command.key, outcome)
      if (outcome.kind === 'ok') results.set(command.key, outcome.result)
      else if (halt) halted = true
    }
    const duration = results.size * COMMAND_SECONDS
    const times = new Map([...results.keys()].map(key => [key, { duration: COMMAND_SECONDS }]))
    return { outcomes, times, duration }
  }
  const lost = (): never => {
    throw new PortalFailure('lost', 'ECONNRESET', 'The connection was lost')
  }

  return {
    companies: tables.company,
    contacts: tables.contact,
    requests: () => requests,
    portal: {
      id: 'model',
      host: 'model.test',
      async execute(commands, { halt }) {
        const fate = fates[requests] ?? { is: 'fine' }
        requests += 1
        const writes = commands.some(({ method }) => method.endsWith('.add'))
        switch (fate.is) {
          case 'refused connection':
            throw new PortalFailure('unreachable', 'ECONNREFUSED', 'No connection')
          case 'too many requests':
            throw new PortalFailure('intensity', 'QUERY_LIMIT_EXCEEDED', 'Too many requests')
          case 'never arrives':
            await clock.sleep(500)
            return lost()
          case 'answer lost':
            execute(commands, halt, () => undefined)
            await clock.sleep(1000)
            return lost()
          case 'dies':
            execute(commands, halt, index => (index >= fate.after ? 'die' : undefined))
            return lost()
          case 'goes on': {
            const seconds = Math.min(fate.seconds, requestSeconds - 0.01)
            void clock.sleep(seconds * 1000).then(() => execute(commands, halt, () => undefined))
            return lost()
          }
          case 'delivered twice': {
            const gap = requestSeconds / 20 + fate.gap + commands.length * COMMAND_SECONDS
            execute(commands, halt, () => undefined)
            await clock.sleep(gap * 1000 + commands.length * COMMAND_SECONDS * 1000)
            return execute(commands, halt, () => undefined)
          }
          default: {
            const reply = execute(commands, halt, index => {
              if (fate.is === 'limit inside' && writes && index >= fate.after) {
                return { kind: 'limited', code: 'OPERATION_TIME_LIMIT' }
              }
              if (fate.is === 'row refused' && writes && index === fate.index) {
                return { kind: 'refused', code: '', message: 'Access denied.' }
              }
              return undefined
            })
            await clock.sleep(reply.duration * 1000)
            if (fate.is !== 'result missing') return reply
            const key = commands[fate.index]?.key
            const outcomes = new Map(reply.outcomes)
            if (key !== undefined) outcomes.set(key, { kind: 'unknown', message: 'No result' })
            return { ...reply, outcomes }
          }
        }
      }
    }
  }
}
