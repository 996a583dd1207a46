// The runs before the one on the card: what became of them, and what can still be done.
// Must stay true: nothing is read before somebody opens it; a stopped run can go on also when others have run since.
import type { RunSnapshot } from '../server/core/run/run.ts'
import { byId, cloneRow, fillFields, part } from './element.ts'
import { describe } from './notice.ts'
import { buttonsOf, type RunDeps } from './run-buttons.ts'
import { begunText, outcomeOf, outcomeText } from './run-text.ts'

export interface HistoryDeps extends RunDeps {
  /** Newest first. */
  readonly read: () => Promise<readonly RunSnapshot[]>
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
  const list = part(details, 'runs', HTMLElement)
  const said = part(details, 'said', HTMLElement)
  let onCard: RunSnapshot | null = null
  let busy = false
  let asked = 0

  const say = (text: string): void => {
    said.textContent = text
    said.hidden = text === ''
    list.hidden = text !== ''
  }
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
    return entry
  }
  const reload = async (): Promise<void> => {
    asked += 1
    const mine = asked
    try {
      const runs = await read()
      if (mine !== asked) return
      const others = runs.filter(({ id }) => id !== onCard?.id)
      list.replaceChildren(...others.map(entryOf))
      say(others.length === 0 ? messages.t('page.history.none') : '')
    } catch (error) {
      if (mine === asked) say(describe(error, messages))
    }
  }

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
