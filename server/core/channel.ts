// A portal behind its pace: everything that talks to a portal goes through one of these, so that the limits are kept in one place.
import type { BatchReply, Command, Portal } from './portal.ts'

/** A portal with its limits kept. Pages and look-ups use `execute`; a run uses the pace of the same portal directly. */
export interface Channel {
  readonly portal: Portal
  /**
   * Waits for the portal's request bucket (pages go before runs), sends the commands as one batch and learns from the answer.
   * Reads only: a failure that was certainly not applied is tried again for up to 10 seconds.
   * @throws {PortalFailure}
   */
  execute(commands: readonly Command[]): Promise<BatchReply>
}
