// The way through pages that are cut by id: a page knows only the next one, so the way back is remembered.
// Must stay true: pure; the first page is always reachable; row numbers go on from page to page.

export const PAGE_ROWS = 50

/** A page of a table: `after` of each page on the way to it, its own last; none = the first page. */
export type Cursor = readonly number[]

export const FIRST_PAGE: Cursor = []

/** `next`: as the page at this cursor says. */
export const forward = (cursor: Cursor, next: number): Cursor => [...cursor, next]
export const back = (cursor: Cursor): Cursor => cursor.slice(0, -1)
export const isFirst = (cursor: Cursor): boolean => cursor.length === 0
/** `after` of this page; null = from the start. */
export const afterOf = (cursor: Cursor): number | null => cursor.at(-1) ?? null
/** Number of this page's first row, from 1. */
export const firstRow = (cursor: Cursor): number => cursor.length * PAGE_ROWS + 1
