// The way through pages that are cut by id: a page knows only the next one, so the way back is remembered.
// Must stay true: pure; the first page is always reachable; row numbers go on from page to page.
import type { RecordOrder } from '../server/core/records.ts'

export const PAGE_ROWS = 50

/** A page of a table. */
export interface Cursor {
  readonly order: RecordOrder
  /** `after` of each page on the way, this one's last; none on the first page. */
  readonly passed: readonly number[]
}

export const firstPage = (order: RecordOrder): Cursor => ({ order, passed: [] })
/** `next`: as the page at this cursor says. */
export const forward = ({ order, passed }: Cursor, next: number): Cursor => ({ order, passed: [...passed, next] })
export const back = ({ order, passed }: Cursor): Cursor => ({ order, passed: passed.slice(0, -1) })
/** The first page from the other end. */
export const turnedOver = ({ order }: Cursor): Cursor => firstPage(order === 'newest' ? 'oldest' : 'newest')
export const isFirst = ({ passed }: Cursor): boolean => passed.length === 0
/** `after` of this page; null = from the start. */
export const afterOf = ({ passed }: Cursor): number | null => passed.at(-1) ?? null
/** Number of this page's first row, from 1. */
export const firstRow = ({ passed }: Cursor): number => passed.length * PAGE_ROWS + 1
