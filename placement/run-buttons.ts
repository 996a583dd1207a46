// Which buttons belong to a run, wherever it is shown.
// Must stay true: the same rules for the card and the history; the server decides, this spares people a refusal.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { RunAction } from './api.ts'

export const runButtons = ['cancel', 'resume', 'retry', 'csv'] as const satisfies readonly (RunAction | 'csv')[]

export type RunButton = (typeof runButtons)[number]

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
