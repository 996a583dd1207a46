// The ids of one entity that a clear run is to delete, as far as they are known.
// Must stay true: an id is in one place: to be deleted, under way, or closed.

export interface Stock {
  /** Ids to delete next, in the order in which they were listed. */
  readonly ids: Set<number>
  readonly sent: Set<number>
  /** Not to be tried again: refused by the portal, or deleted and still to be seen by a list. */
  readonly closed: Set<number>
  settled: number
  total: number
  /** Everything below is still to be listed. Listed ids live in memory only: a new process lists again from the top. */
  cursor: number
  /** And nothing that is not known lies below this one. */
  floor: number
  /** Share of the ids in the stretch listed last that was taken. */
  density: number
  /** As many records as there are ids between the highest and the lowest: every one is taken, and none need be listed. */
  solid: boolean
  /** Every known id was there when the records were counted: as many as were counted are all. */
  exact: boolean
  listed: boolean
}

export const newStock = (): Stock => ({
  ids: new Set(),
  sent: new Set(),
  closed: new Set(),
  settled: 0,
  total: 0,
  cursor: 0,
  floor: 1,
  density: 0,
  solid: false,
  exact: false,
  listed: false
})

/** Listed, and neither under way nor closed. */
export const add = (stock: Stock, ids: readonly number[]): void => {
  for (const id of ids) if (!stock.sent.has(id) && !stock.closed.has(id)) stock.ids.add(id)
}

/** It was refused, and is settled by that. */
export const close = (stock: Stock, id: number): void => {
  stock.ids.delete(id)
  stock.sent.delete(id)
  stock.closed.add(id)
  stock.settled += 1
}

/** Known ones, whatever became of them. */
export const outstanding = ({ settled, ids, sent }: Stock): number => settled + ids.size + sent.size

export const exhausted = ({ listed, ids }: Stock): boolean => listed && ids.size === 0

/** The first `count` items. */
export function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  if (count <= 0) return
  let left = count
  for (const item of items) {
    yield item
    left -= 1
    if (left === 0) return
  }
}
