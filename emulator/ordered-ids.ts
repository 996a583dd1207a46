// An ascending set of record ids with fast ranges: what a primary key index is to a database.
// Must stay true: adding at the end, deleting anywhere and starting a range are at most logarithmic, so clearing 100 000 records stays linear.

/** Dead places that are tolerated before the array is packed: bounds both the work of a scan and the number of packings. */
const PACK_AFTER = 1024

/** Ids in ascending order. A deleted id stays as its negative until the array is packed. */
export class OrderedIds {
  #places: number[] = []
  #dead = 0

  get size(): number {
    return this.#places.length - this.#dead
  }

  /** Adds a positive id; does nothing when it is there already. */
  add(id: number): void {
    const last = this.#places.length === 0 ? 0 : Math.abs(this.#places[this.#places.length - 1] as number)
    if (id > last) {
      this.#places.push(id)
      return
    }
    const at = this.#lowerBound(id)
    const place = this.#places[at] as number
    if (place === id) return
    if (place === -id) {
      this.#places[at] = id
      this.#dead -= 1
      return
    }
    this.#places.splice(at, 0, id)
  }

  /** @returns whether the id was there. */
  delete(id: number): boolean {
    const at = this.#lowerBound(id)
    if (this.#places[at] !== id) return false
    this.#places[at] = -id
    this.#dead += 1
    if (this.#dead > PACK_AFTER) this.#pack()
    return true
  }

  /** How many ids lie in the closed range. */
  count(low: number, high: number): number {
    this.#pack()
    return Math.max(0, this.#lowerBound(high + 1) - this.#lowerBound(low))
  }

  /** At most `limit` ids of the closed range, after skipping `offset` of them. */
  slice(low: number, high: number, descending: boolean, offset: number, limit: number): number[] {
    if (offset > 0) this.#pack()
    const found: number[] = []
    const visit = (id: number) => {
      found.push(id)
      return found.length < limit
    }
    if (limit > 0) this.#walk(low, high, descending, offset, visit)
    return found
  }

  /** Calls `visit` for every id of the closed range until it answers false. */
  scan(low: number, high: number, descending: boolean, visit: (id: number) => boolean): void {
    this.#walk(low, high, descending, 0, visit)
  }

  #walk(low: number, high: number, descending: boolean, skip: number, visit: (id: number) => boolean): void {
    const first = this.#lowerBound(low)
    const end = this.#lowerBound(high + 1)
    const step = descending ? -1 : 1
    for (let at = (descending ? end - 1 : first) + step * skip; at >= first && at < end; at += step) {
      const id = this.#places[at] as number
      if (id > 0 && !visit(id)) return
    }
  }

  #pack(): void {
    if (this.#dead === 0) return
    this.#places = this.#places.filter(id => id > 0)
    this.#dead = 0
  }

  /** The first place whose id, dead or alive, is not below `id`. */
  #lowerBound(id: number): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Math.abs(this.#places[middle] as number) < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
