// An answered batch, and what its way and its wait say of the portal.
// Must stay true: only what was seen from this side, and what the portal itself said.

import type { BatchReply } from '../portal.ts'
import type { Standing } from './load.ts'

export interface Answer extends Standing {
  readonly reply: BatchReply
  /** Wall seconds from sending to the whole answer. */
  readonly elapsed: number
  /** Commands that lay there when it was sent, its own included. */
  readonly rowsInFlight: number
}
