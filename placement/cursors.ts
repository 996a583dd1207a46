// The way through pages that are cut by id: a page knows only the next one, so the way back is remembered.
// Must stay true: the first page is always reachable; row numbers go on from page to page.

export const PAGE_ROWS = 50

export interface Cursors {
  /** `after` of the current page; null = the first. */
  after(): number | null
  /** Number of the current page's first row, from 1. */
  firstRow(): number
  isFirst(): boolean
  /** `next`: as the page that is shown says. Where that is on its way already, a second click goes no further. */
  forward(next: number): void
  back(): void
  reset(): void
}

export const createCursors = (): Cursors => {
  const passed: number[] = []
  return {
    after: () => passed.at(-1) ?? null,
    firstRow: () => passed.length * PAGE_ROWS + 1,
    isFirst: () => passed.length === 0,
    forward(next) {
      if (passed.at(-1) !== next) passed.push(next)
    },
    back: () => void passed.pop(),
    reset: () => void passed.splice(0)
  }
}
