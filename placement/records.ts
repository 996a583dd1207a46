// One table of records: its pages, its total, and what it says when there is nothing or something went wrong.
// Must stay true: only the newest answer is shown; reading a page costs the portal a fixed number of requests.
import type { EntityPlural } from '../server/core/entities.ts'
import type { RecordsPage } from '../server/core/records.ts'
import type { RunSnapshot } from '../server/core/run.ts'
import type { Api, Items } from './api.ts'
import { createCursors, PAGE_ROWS } from './cursors.ts'
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
  const fill: FillRow<K> = fillRow[plural]
  const link: LinkRow[K] | undefined = linkRow?.[plural]
  const cursors = createCursors()
  const live = createLiveTotal()
  // A portal says only that a page is full; whether it is the last one, the total knows.
  const outline = ({ items, next: after, total }: RecordsPage<Items[K]>) => ({
    count: items.length,
    next: cursors.firstRow() - 1 + items.length >= total ? null : after
  })
  let page = initial === null ? null : outline(initial)
  let asked = 0

  const follow: Records['follow'] = ({ id, status, created, deleted }) => {
    live.changed({ id, running: status === 'running' }, created[plural] - deleted[plural])
    if (page !== null) showNumbers()
  }

  const range = (): string => {
    const from = cursors.firstRow()
    const to = from + (page?.count ?? 0) - 1
    return t('page.table.range', { from, to, total: Math.max(to, live.value()) })
  }
  function showNumbers(): void {
    const known = page !== null
    const total = live.value()
    element('total').textContent = known ? t('page.table.total', { total }) : ''
    // Rows of which none is left are not shown until they are read again.
    const shown = total > 0 ? (page?.count ?? 0) : 0
    scroll.hidden = shown === 0
    // Nobody knows whether it is empty when it could not be read.
    element('empty').hidden = !known || total > 0 || !element('trouble').hidden
    element('pager').hidden = !known || shown === 0 || (cursors.isFirst() && page?.next === null)
    element('range').textContent = shown > 0 ? range() : ''
    previous.disabled = cursors.isFirst()
    next.disabled = page?.next === null
  }
  const showRows = (items: readonly Items[K][]): void => {
    const first = cursors.firstRow()
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

  const refresh = async (): Promise<void> => {
    asked += 1
    const mine = asked
    section.setAttribute('aria-busy', 'true')
    try {
      const answer = await api.records(plural, cursors.after())
      if (mine !== asked) return
      if (answer.items.length === 0 && !cursors.isFirst()) {
        // What was here has been deleted.
        cursors.reset()
        return refresh()
      }
      page = outline(answer)
      live.read(answer.total)
      showRows(answer.items)
      showTrouble(null)
      showNumbers()
    } catch (error) {
      if (mine === asked) showTrouble(describe(error, messages))
    } finally {
      if (mine === asked) section.removeAttribute('aria-busy')
    }
  }

  const turn = (move: () => void) => async (): Promise<void> => {
    move()
    const held = document.activeElement
    await refresh()
    // The buttons are below the rows: the new page begins out of sight.
    section.scrollIntoView({ block: 'start' })
    announce(range())
    if (held instanceof HTMLButtonElement && held.disabled)
      (held === next ? previous : next).focus({ preventScroll: true })
  }
  previous.addEventListener('click', turn(cursors.back))
  next.addEventListener(
    'click',
    turn(() => {
      if (page !== null && page.next !== null) cursors.forward(page.next)
    })
  )
  part(section, 'retry', HTMLButtonElement).addEventListener('click', async () => {
    await refresh()
    // The button is gone, and would take the keyboard's place with it.
    if (element('trouble').hidden) scroll.focus({ preventScroll: true })
  })

  initial?.items.forEach((item, index) => {
    const row = rows.children[index]
    if (row !== undefined) link?.(row, item)
  })
  // In this order: the server counted while the run was on.
  if (run !== null) follow(run)
  if (initial !== null) live.read(initial.total)
  showNumbers()
  return {
    refresh,
    async grow() {
      // An answer that is on its way would be thrown away for a newer question.
      const reading = section.hasAttribute('aria-busy')
      if (!reading && (page === null || page.count < PAGE_ROWS)) await refresh()
    },
    isBlank: () => page?.count === 0 && live.value() > 0,
    follow,
    total: () => (page === null ? null : live.value())
  }
}
