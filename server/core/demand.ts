// What a command must have brought, or the failure that says why it did not.
// Must stay true: pure; for commands without which nothing can go on, not for rows of a run (settle.ts).
import { type CommandOutcome, PortalFailure } from './portal.ts'

/** The portal has answered, and refuses what was asked: another right or another portal would be needed. */
export class Refused extends PortalFailure {
  constructor(code: string, message: string) {
    super('blocked', code, message)
  }
}

/** `method`: for texts. @throws {PortalFailure}, where the command itself was refused {Refused} */
export const demandOutcome = (
  outcome: CommandOutcome | undefined,
  method: string
): Extract<CommandOutcome, { readonly kind: 'ok' }> => {
  if (outcome?.kind === 'ok') return outcome
  if (outcome?.kind === 'refused' || outcome?.kind === 'blocked') {
    throw new Refused(outcome.code || 'REFUSED', outcome.message || `Bitrix24 refused ${method}.`)
  }
  if (outcome?.kind === 'limited') {
    const text = `Bitrix24 has limited ${method} for some minutes. Try again later.`
    throw new PortalFailure('operating', outcome.code, text)
  }
  throw new PortalFailure('lost', 'NO_RESULT', `The portal did not answer ${method}. Try again.`)
}
