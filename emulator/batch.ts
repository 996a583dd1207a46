// batch: up to 50 commands in one request, one after another, each with its own outcome (protocol.md, 2).
// Must stay true: never fails as a whole; the five maps of the answer are independent PHP arrays.
import type { PhpParams } from './method.ts'
import { parseQuery, truthy } from './php.ts'
import { resolveReferences, type SoFar } from './references.ts'

const MAX_COMMANDS = 50

/** Refused inside a batch by their exact spelling. */
const FORBIDDEN = ['batch', 'download', 'upload']

/** What became of one call, single or inside a batch. */
export type Outcome =
  | { readonly ok: true; readonly body: { result: unknown; next?: number; total?: number; time: object } }
  | { readonly ok: false; readonly status: number; readonly body: { readonly [key: string]: unknown } }

/** Executes one command; answers a promise only where it has to wait. */
export type Perform = (method: string, params: PhpParams) => Outcome | Promise<Outcome>

const failure = (error: string, text: string): Outcome => ({
  ok: false,
  status: 400,
  body: { error, error_description: text }
})

/**
 * Runs a batch and answers its `result` member.
 * `omit`: the place of a command that leaves no trace in the answer (a switched-on fault).
 */
export async function runBatch(params: PhpParams, perform: Perform, omit = -1): Promise<PhpParams> {
  const halt = truthy(parameter(params, 'HALT'))
  const commands = parameter(params, 'CMD')
  // Without a prototype, so that a command may be called `__proto__`.
  const soFar: SoFar = { result: map(), next: map(), total: map(), time: map(), error: map() }
  let place = 0
  for (const [key, command] of Object.entries(typeof commands === 'object' && commands !== null ? commands : {})) {
    const at = place++
    let outcome: Outcome
    if (at >= MAX_COMMANDS) outcome = failure('ERROR_BATCH_LENGTH_EXCEEDED', 'Max batch length exceeded')
    else if (typeof command !== 'string') continue
    else {
      const { method, query } = splitCommand(command)
      if (FORBIDDEN.includes(method)) {
        outcome = failure('ERROR_BATCH_METHOD_NOT_ALLOWED', 'Method is not allowed for batch usage')
      } else {
        const performed = perform(method, resolveReferences(parseQuery(query), soFar))
        // Awaiting only what waits keeps a batch without service time in one turn of the event loop.
        outcome = performed instanceof Promise ? await performed : performed
      }
    }
    if (at !== omit) note(soFar, key, outcome)
    if (!outcome.ok && halt) break
  }
  return {
    result: soFar.result,
    result_error: soFar.error,
    result_total: soFar.total,
    result_next: soFar.next,
    result_time: soFar.time
  }
}

/** The lower-case methods that a batch names, as far as they are text; of anything else none. */
export function commandsOf(params: PhpParams): string[] {
  const commands = parameter(params, 'CMD')
  if (typeof commands !== 'object' || commands === null) return []
  return Object.values(commands)
    .filter(command => typeof command === 'string')
    .map(command => splitCommand(command).method.toLowerCase())
}

function note(soFar: SoFar, key: string, outcome: Outcome): void {
  if (!outcome.ok) {
    soFar.error[key] = outcome.body
    return
  }
  const { result, next, total, time } = outcome.body
  soFar.result[key] = result
  if (next !== undefined) soFar.next[key] = next
  if (total !== undefined) soFar.total[key] = total
  soFar.time[key] = time
}

/** Splits like parse_url: what follows a raw `#` is lost. */
function splitCommand(command: string): { method: string; query: string } {
  const [url = ''] = command.split('#', 1)
  const mark = url.indexOf('?')
  return mark === -1 ? { method: url, query: '' } : { method: url.slice(0, mark), query: url.slice(mark + 1) }
}

const map = (): PhpParams => Object.create(null)

/** Top-level names of a batch are matched in any letter case, the last spelling wins. */
function parameter(params: PhpParams, upperName: string): unknown {
  return params[Object.keys(params).findLast(name => name.toUpperCase() === upperName) ?? upperName]
}
