// An answered batch, and what its way and its wait say of the portal.
// Must stay true: only what was seen from this side, and what the portal itself said.

import type { BatchReply } from '../portal.ts'
import type { Standing } from './load.ts'

export interface Answer extends Omit<Standing, 'idle'> {
  readonly reply: BatchReply
  /** Wall seconds from sending to the whole answer. */
  readonly elapsed: number
  /** Seconds of it that neither the portal's work, nor its way, nor its wait for a worker explain, as far as these are known. */
  readonly unexplained: number
  /** Commands that lay there when it was sent, its own included. */
  readonly rowsInFlight: number
}
