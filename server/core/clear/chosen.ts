// A clear run over chosen records: those that an earlier one was refused.
// Must stay true: a record that carries another tag by now is never deleted as one of ours.
import type { Channel } from '../channel.ts'
import { deletionOrder, type EntityName } from '../entities.ts'
import type { ClearScope } from '../recipe.ts'
import type { Rejection, Rows, RunEvent } from '../run/run.ts'
import { listForeign } from './listing.ts'

/** What is known of them without a list. */
export const boundsOfChosen = (chosen: Rows): Extract<RunEvent, { type: 'clear.bounded' }>['bounds'] => {
  const bound = (entity: EntityName) => {
    const ids = chosen[entity] ?? []
    return { maxId: ids.reduce((most, id) => Math.max(most, id), 0), total: ids.length }
  }
  return { company: bound('company'), contact: bound('contact') }
}

/** Those that are somebody else's by now. Ones that are not there any more are as good as deleted. @throws {PortalFailure} */
export const rejectForeign = async (channel: Channel, scope: ClearScope, chosen: Rows): Promise<Rejection[]> => {
  if (scope !== 'created' || deletionOrder.every(entity => (chosen[entity] ?? []).length === 0)) return []
  const message = 'It carries another ORIGINATOR_ID by now, so it is not deleted as one of BitrixCorp'
  return (await listForeign(channel, chosen)).map(({ entity, id }) => ({ row: id, entity, code: 'NOT_OURS', message }))
}
