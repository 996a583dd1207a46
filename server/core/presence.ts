// Asks the portal by id whether records are there: the only proof that one is gone, or that it is not.
// Must stay true: judged by codes and by what is there, never by the wording of a text.
import type { Channel } from './channel.ts'
import { chunks } from './chunks.ts'
import { type EntityName, entities, ITEM_GET } from './entities.ts'
import { COMMANDS_PER_BATCH, type Command, type CommandOutcome } from './portal.ts'
import type { Traffic } from './speed/pace.ts'

/**
 * `hidden`: whoever asks may not know: the right to read is missing, or the portal does not know the question.
 * `unanswered`: it was not executed this time.
 */
export type Presence = 'there' | 'gone' | 'hidden' | 'unanswered'

export interface RecordId {
  readonly entity: EntityName
  readonly id: number
}

/** crm.item.get has a code of its own for what is missing; the classic methods have none, only texts in the portal's language. */
const presenceOf = (outcome: CommandOutcome | undefined): Presence => {
  switch (outcome?.kind) {
    case 'ok':
      return 'there'
    case 'refused':
      return outcome.code === 'NOT_FOUND' ? 'gone' : 'hidden'
    case 'blocked':
      return 'hidden'
    default:
      return 'unanswered'
  }
}

/**
 * Resolves with an answer for each record, in their order. `confirm`: as in a Chore.
 * @throws {PortalFailure} when a request as a whole got no answer
 */
export const askPresence = async (
  channel: Channel,
  records: readonly RecordId[],
  traffic: Traffic,
  confirm?: () => Promise<void>
): Promise<Presence[]> => {
  const answers: Presence[] = []
  for (const part of chunks(records, COMMANDS_PER_BATCH)) {
    const commands = part.map(
      ({ entity, id }): Command => ({
        key: `${entity}${id}`,
        method: ITEM_GET,
        params: { entityTypeId: entities[entity].typeId, id }
      })
    )
    const { outcomes } = await channel.execute(commands, { traffic, confirm })
    answers.push(...commands.map(({ key }) => presenceOf(outcomes.get(key))))
  }
  return answers
}
