// One table of records: its pages, its total, and what it says when there is nothing or something went wrong.
// Must stay true: only the newest answer is shown; numbers and buttons tell of the rows that are shown, also when others could not be read.
import type { EntityPlural } from '../server/core/entities.ts'
import type { RecordsPage } from '../server/core/records.ts'
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { Api, Items } from './api.ts'
import { afterOf, back, type Cursor, firstPage, firstRow, forward, isFirst, PAGE_ROWS, turnedOver } from './cursors.ts'
import { byId, cloneRow, fillFields, part } from './element.ts'
import { createLiveTotal } from './live-total.ts'
import type { Messages } from './messages.ts'
import { describe } from './notice.ts'
import type { LinkRow } from './record-links.ts'
import { type FillRow, fillRow } from './record-rows.ts'

export interface RecordsDeps {
  readonly api: Pick<Api, 'records'>
  readonly messages: Messages
  readonly announce: (text: string) => void
  /** Makes links of the names; null where there is nothing to open. */
  readonly linkRow: LinkRow | null
}

export interface Records {
  /** Reads the current page again. */
  refresh(): Promise<void>
  /** Reads again unless the page is full: every read takes from the run's request limit. */
  grow(): Promise<void>
  /** Nothing is shown, though there is something. */
  isBlank(): boolean
  /** Lets the total follow a run. */
  follow(run: RunSnapshot): void
  /** Null while unknown. */
  total(): number | null
}

/**
 * @param initial the page that the server has rendered; null when it could not read it
 * @param run the active or last run when it was rendered
 */
export const createRecords = <K extends EntityPlural>(
  plural: K,
  initial: RecordsPage<Items[K]> | null,
  run: RunSnapshot | null,
  { api, messages, announce, linkRow }: RecordsDeps
): Records => {
  const { t } = messages
  const section = byId(plural, HTMLElement)
  const template = byId(`${plural}-row`, HTMLTemplateElement)
  const element = (name: string): HTMLElement => part(section, name, HTMLElement)
  const rows = element('rows')
  const scroll = element('scroll')
  const previous = part(section, 'previous', HTMLButtonElement)
  const next = part(section, 'next', HTMLButtonElement)
  const newest = part(section, 'newest', HTMLButtonElement)
  const fill: FillRow<K> = fillRow[plural]
  const link: LinkRow[K] | undefined = linkRow?.[plural]
  const live = createLiveTotal()
  const outline = (read: RecordsPage<Items[K]>) => ({ count: read.items.length, next: read.next })
  let shown = firstPage('oldest')
  let page = initial === null ? null : outline(initial)
  /** What the next reading asks for, and what the last one that failed did. */
  let wanted = shown
  let missed = shown
  let asked = 0
  let latest: Promise<boolean>

  const follow: Records['follow'] = ({ id, status, created, deleted }) => {
    live.changed({ id, running: status === 'running' }, created[plural] - deleted[plural])
    if (page !== null) showNumbers()
  }

  const range = (): string => {
    const from = firstRow(shown)
    const to = from + (page?.count ?? 0) - 1
    return t('page.table.range', { from, to, total: Math.max(to, live.value()) })
  }
  function showNumbers(): void {
    const known = page !== null
    const total = live.value()
    element('total').textContent = known ? t('page.table.total', { total }) : ''
    // Rows of which none is left are not shown until they are read again.
    const count = total > 0 ? (page?.count ?? 0) : 0
    scroll.hidden = count === 0
    newest.hidden = !known || total <= PAGE_ROWS
    newest.setAttribute('aria-pressed', String(shown.order === 'newest'))
    // Nobody knows whether it is empty when it could not be read.
    element('empty').hidden = !known || total > 0 || !element('trouble').hidden
    element('pager').hidden = !known || count === 0 || (isFirst(shown) && page?.next === null)
    element('range').textContent = count > 0 ? range() : ''
    previous.disabled = isFirst(shown)
    next.disabled = page?.next === null
  }
  const showRows = (items: readonly Items[K][]): void => {
    const first = firstRow(shown)
    rows.replaceChildren(
      ...items.map((item, index) => {
        const row = cloneRow(template)
        fillFields(row, { number: String(first + index) })
        fill(row, item)
        link?.(row, item)
        return row
      })
    )
  }
  const showTrouble = (reason: string | null): void => {
    element('reason').textContent = reason === null ? '' : t('page.table.failed', { reason })
    element('trouble').hidden = reason === null
    showNumbers()
  }

  const ask = async (): Promise<boolean> => {
    asked += 1
    const mine = asked
    const cursor = wanted
    section.setAttribute('aria-busy', 'true')
    try {
      const answer = await api.records(plural, cursor.order, afterOf(cursor))
      if (mine !== asked) return latest
      if (answer.items.length === 0 && !isFirst(cursor)) {
        // What was here has been deleted.
        wanted = firstPage(cursor.order)
        return read()
      }
      shown = cursor
      page = outline(answer)
      live.read(answer.total)
      showRows(answer.items)
      showTrouble(null)
      showNumbers()
      return true
    } catch (error) {
      if (mine !== asked) return latest
      missed = cursor
      wanted = shown
      showTrouble(describe(error, messages))
      return false
    } finally {
      if (mine === asked) section.removeAttribute('aria-busy')
    }
  }
  /** False when it failed. A reading that was overtaken ends as the newest one does. */
  function read(): Promise<boolean> {
    latest = ask()
    return latest
  }

  /** The button leads to another page. */
  const turns = (button: HTMLButtonElement, to: () => Cursor): void =>
    button.addEventListener('click', async () => {
      wanted = to()
      const turned = await read()
      // The pager is below the rows: what has changed begins out of sight.
      for (const seen of ['head', 'trouble']) element(seen).scrollIntoView({ block: 'nearest' })
      if (!turned) return
      announce(element('range').textContent ?? '')
      // A button that is gone would take the keyboard's place with it.
      if (button.disabled || button.offsetParent === null)
        (button === next ? previous : button === previous ? next : scroll).focus({ preventScroll: true })
    })
  // From what is shown, so that a second click, while the page is on its way, goes no further.
  turns(previous, () => back(shown))
  turns(next, () => (page === null || page.next === null ? shown : forward(shown, page.next)))
  turns(newest, () => turnedOver(shown))
  turns(part(section, 'retry', HTMLButtonElement), () => missed)

  initial?.items.forEach((item, index) => {
    const row = rows.children[index]
    if (row !== undefined) link?.(row, item)
  })
  // In this order: the server counted while the run was on.
  if (run !== null) follow(run)
  if (initial !== null) live.read(initial.total)
  showNumbers()
  return {
    async refresh() {
      await read()
    },
    async grow() {
      // An answer that is on its way would be thrown away for a newer question.
      const reading = section.hasAttribute('aria-busy')
      if (!reading && (page === null || page.count < PAGE_ROWS)) await read()
    },
    isBlank: () => page?.count === 0 && live.value() > 0,
    follow,
    total: () => (page === null ? null : live.value())
  }
}
