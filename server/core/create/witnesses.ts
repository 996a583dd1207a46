// The record of each entity that was created last: a portal that does not list it now does not list what a look-up asks for either.
// Must stay true: deterministic in the events alone.
import { type EntityName, entityNames } from '../entities.ts'
import type { RunEvent } from '../run/run.ts'

export interface Witness {
  readonly row: number
  readonly id: number
}

export interface Witnesses {
  of(entity: EntityName): Witness | undefined
  follow(event: RunEvent): void
}

export const createWitnesses = (): Witnesses => {
  const last: { [entity in EntityName]?: Witness } = {}
  return {
    of: entity => last[entity],
    follow(event) {
      if (event.type !== 'batch.settled' && event.type !== 'rows.reconciled') return
      for (const entity of entityNames) {
        const [row, id] = [event.ok[entity]?.at(-1), event.ids[entity]?.at(-1)]
        if (row !== undefined && id !== undefined) last[entity] = { row, id }
      }
    }
  }
}
