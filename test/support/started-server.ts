// The real server as a process, for stories about its storage: started, asked, stopped.
// Must stay true: the process is gone when the test ends.
import { onTestFinished } from 'vitest'
import { type ServerProcess, startServerProcess } from '../../chaos/server-process.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'

export interface StartedServer extends ServerProcess {
  readonly origin: string
  /** The JSON of an answer, whatever its status. */
  ask(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly body: unknown }>
  /** A run of companies and contacts; its id. */
  create(rows: number): Promise<string>
  snapshot(runId: string): Promise<RunSnapshot>
}

/** On a free port. @throws {Error} with all that it said, when it does not start */
export const startedServer = async (env: Readonly<Record<string, string>>): Promise<StartedServer> => {
  const server = startServerProcess({ PORT: '0', ...env })
  onTestFinished(() => server.stop())
  const origin = await server.ready
  if (origin === undefined) throw new Error(`The server did not start:\n${server.output()}`)
  const ask: StartedServer['ask'] = async (path, init) => {
    const response = await fetch(`${origin}${path}`, init)
    return { status: response.status, body: await response.json() }
  }
  return {
    ...server,
    origin,
    ask,
    async create(rows) {
      const { body } = await ask('/api/runs', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ kind: 'create', companies: rows, contacts: rows, seed: 1, locale: 'ru' })
      })
      return (body as RunSnapshot).id
    },
    snapshot: async runId => (await ask(`/api/runs/${runId}`)).body as RunSnapshot
  }
}
