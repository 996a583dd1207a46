// How a run ends before its work is done.
// Must stay true: pure; the first ending that a run is given counts.
import type { FinalStatus, RunFailure } from './run.ts'

export interface Ending {
  readonly status: Exclude<FinalStatus, 'completed'>
  readonly failure: RunFailure | null
  /** Unknown rows are looked up before the end. */
  readonly settle: boolean
  /** The end is not written down: the next start finds the run unfinished, and goes on with it. */
  readonly unwritten?: true
}

export const cancelled: Ending = { status: 'cancelled', failure: null, settle: true }

/** The application was removed from the portal: whoever did that has ended the run, and there is nothing left to look up with. */
export const removed: Ending = { ...cancelled, settle: false }

export const interrupted = (settle: boolean): Ending => ({ status: 'interrupted', failure: null, settle })

/** The process stops, and the next one is to go on by itself. */
export const suspended: Ending = { ...interrupted(false), unwritten: true }

/** The portal or the storage cannot go on; the run can be resumed. */
export const failedBy = ({ code, message }: RunFailure): Ending => ({
  status: 'failed',
  failure: { code, message },
  settle: false
})

export const internalError: RunFailure = {
  code: 'INTERNAL_ERROR',
  message: 'An error inside BitrixCorp stopped the run; the log has the details. Resume it to go on.'
}

/** An end that could not be written down: what it was to be is not true before it is on disk. */
export const unwritten = ({ code, message }: RunFailure): Pick<Ending, 'status' | 'failure'> => ({
  status: 'failed',
  failure: { code, message }
})

/** The first one, without its look-ups where a later one (the process stops, the storage fails) leaves no time for them. */
export const together = (first: Ending | undefined, later: Ending): Ending =>
  first === undefined ? later : { ...first, settle: first.settle && later.settle }
