// The runs before the one on the card: what became of them, and what can still be done.
// Must stay true: nothing is read before somebody opens it; a stopped run can go on also when others have run since.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { RunsPage } from '../server/core/run/runs.ts'
import { byId, cloneRow, fillFields, part } from './element.ts'
import { describe } from './notice.ts'
import { createRemoveDialog } from './remove-dialog.ts'
import { buttonsOf, type RunDeps } from './run-buttons.ts'
import { begunText, outcomeOf, outcomeText } from './run-text.ts'

export interface HistoryDeps extends RunDeps {
  /** Newest first. `after`: the run before the first one of the page. */
  readonly read: (after: string | null) => Promise<RunsPage>
  readonly remove: (runId: string) => Promise<void>
  /** May this person delete from the history? The server decides; this spares them a refusal. */
  readonly mayRemove: boolean
  readonly announce: (text: string) => void
}

export interface History {
  /** The run on the card, which is not shown twice; null while there is none. */
  show(onCard: RunSnapshot | null): void
  setBusy(busy: boolean): void
}

export const createHistory = (deps: HistoryDeps): History => {
  const { messages, read, act, download, mayAct, starterOf } = deps
  const details = byId('history', HTMLDetailsElement)
  const template = byId('history-run', HTMLTemplateElement)
  const summary = byId('history-heading', HTMLElement)
  const list = part(details, 'runs', HTMLElement)
  const said = part(details, 'said', HTMLElement)
  const more = part(details, 'more', HTMLButtonElement)
  let onCard: RunSnapshot | null = null
  let busy = false
  let asked = 0
  /** Where the next page begins; null when all is shown. */
  let next: string | null = null

  const say = (text: string): void => {
    said.textContent = text
    said.hidden = text === ''
    list.hidden = text !== ''
    more.hidden = text !== '' || next === null
  }
  const ask = createRemoveDialog(messages, deps.remove, () => {
    deps.announce(messages.t('page.history.removed'))
    summary.focus()
    void reload()
  })
  const entryOf = (run: RunSnapshot): HTMLElement => {
    const entry = cloneRow(template)
    const title = messages.t(`page.run.${run.kind}`)
    fillFields(entry, { title, begun: begunText(run, messages, starterOf(run)), outcome: outcomeText(run, messages) })
    entry.dataset['outcome'] = outcomeOf(run)
    const shown = buttonsOf(run, mayAct(run))
    for (const action of ['resume', 'retry'] as const) {
      const button = part(entry, action, HTMLButtonElement)
      button.hidden = !shown[action]
      button.disabled = busy
      button.addEventListener('click', () => act(run.id, action).catch(() => button.focus()))
    }
    const csv = part(entry, 'csv', HTMLButtonElement)
    csv.hidden = !shown.csv
    csv.addEventListener('click', () => download(run.id))
    const remove = part(entry, 'remove', HTMLButtonElement)
    remove.hidden = !deps.mayRemove || run.status === 'running'
    remove.addEventListener('click', () => ask(run.id, `${title}. ${begunText(run, messages, starterOf(run))}`))
    return entry
  }
  /** One page; the first one in the place of what is shown. */
  const load = async (after: string | null): Promise<void> => {
    asked += 1
    const mine = asked
    try {
      const page = await read(after)
      if (mine !== asked) return
      const entries = page.runs.filter(({ id }) => id !== onCard?.id).map(entryOf)
      next = page.next
      if (after === null) list.replaceChildren(...entries)
      else list.append(...entries)
      say(list.childElementCount === 0 && next === null ? messages.t('page.history.none') : '')
      // The button may be gone now; the keyboard goes on where the new ones begin.
      if (after !== null) entries[0]?.querySelector<HTMLElement>('button:not([hidden])')?.focus()
    } catch (error) {
      if (mine === asked) say(describe(error, messages))
    }
  }
  const reload = (): Promise<void> => load(null)

  more.addEventListener('click', () => void load(next))
  details.addEventListener('toggle', () => {
    if (!details.open) return
    if (list.childElementCount === 0) say(messages.t('page.table.loading'))
    void reload()
  })
  return {
    show(run) {
      const changed = run?.id !== onCard?.id || run?.status !== onCard?.status
      onCard = run
      if (run !== null) details.hidden = false
      if (changed && details.open) void reload()
    },
    setBusy(now) {
      busy = now
      for (const button of list.querySelectorAll<HTMLButtonElement>('[data-part="resume"], [data-part="retry"]'))
        button.disabled = now
    }
  }
}
