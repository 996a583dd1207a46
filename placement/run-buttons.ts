// Which buttons belong to a run, wherever it is shown.
// Must stay true: the same rules for the card and the history; the server decides, this spares people a refusal.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { RunAction } from './api.ts'
import type { Messages } from './messages.ts'

export const runButtons = ['cancel', 'resume', 'retry', 'csv'] as const satisfies readonly (RunAction | 'csv')[]

export type RunButton = (typeof runButtons)[number]

/** What a place where runs are shown is given. */
export interface RunDeps {
  readonly messages: Messages
  /** Rejects when it was refused; the reason is shown elsewhere. */
  readonly act: (runId: string, action: RunAction) => Promise<void>
  readonly download: (runId: string) => void
  /** May this person stop the run or let it go on? The server decides; this spares them a refusal. */
  readonly mayAct: (run: RunSnapshot) => boolean
  /** Who started it, where it was somebody else. */
  readonly starterOf: (run: RunSnapshot) => string | null
}

/** @param allowed this person may act on the run */
export const buttonsOf = (
  { status, failed }: Pick<RunSnapshot, 'status' | 'failed'>,
  allowed: boolean
): Readonly<Record<RunButton, boolean>> => {
  const running = status === 'running'
  return {
    cancel: running && allowed,
    resume: !running && status !== 'completed' && allowed,
    retry: !running && failed > 0 && allowed,
    csv: !running && failed > 0
  }
}
