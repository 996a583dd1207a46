// The confirmation before records are deleted.
// Must stay true: it names the portal and what is in it; deleting everything needs the portal's address typed by hand.
import type { OperationEstimate } from '../server/core/speed/estimate.ts'
import type { StartInput } from './api.ts'
import { byId, part } from './element.ts'
import { createEstimateLine } from './estimate.ts'
import type { Messages } from './messages.ts'
import { describe } from './notice.ts'

export interface Holdings {
  readonly companies: number
  readonly contacts: number
}

export interface ClearDialogDeps {
  readonly messages: Messages
  readonly host: string
  /** What the portal holds as far as we know; null while unknown. */
  readonly holdings: () => Holdings | null
  /** Counts again; the dialog shows the new numbers when they are there. */
  readonly recount: () => Promise<void>
  readonly estimate: (input: StartInput) => Promise<OperationEstimate>
  /** Starts the run. The dialog stays open, with the reason, when this rejects. */
  readonly start: (input: StartInput) => Promise<void>
  /** The run has started and the dialog is closed: while it is open, nothing behind it takes the focus. */
  readonly started: () => void
}

export interface ClearDialog {
  setBusy(busy: boolean): void
}

export const createClearDialog = (deps: ClearDialogDeps): ClearDialog => {
  const { messages, host } = deps
  const { t } = messages
  const opener = byId('clear-open', HTMLButtonElement)
  const dialog = byId('clear', HTMLDialogElement)
  const form = byId('clear-form', HTMLFormElement)
  const invalid = byId('clear-invalid', HTMLElement)
  const confirm = byId('clear-confirm', HTMLInputElement)
  const confirmField = part(form, 'confirm-field', HTMLElement)
  const holds = part(form, 'holds', HTMLElement)
  const submit = part(form, 'submit', HTMLButtonElement)
  const warning = part(form, 'warning', HTMLElement)
  /** There is nothing to delete. */
  let nothing = false
  let busy = false
  let sending = false
  const line = createEstimateLine(part(form, 'estimate', HTMLElement), messages, deps.estimate, records => {
    nothing = records === 0
    update()
  })

  const scope = (): 'created' | 'all' => (new FormData(form).get('scope') === 'all' ? 'all' : 'created')
  const update = (): void => {
    const known = deps.holdings()
    holds.textContent = known === null ? t('page.clear.unknown') : t('page.clear.holds', { ...known })
    confirmField.hidden = scope() !== 'all'
    warning.hidden = nothing
    submit.disabled = busy || sending || nothing
    opener.disabled = busy
  }
  /** With nothing else to say it is said why the button is closed: something was begun elsewhere. */
  const complain = (said: string | null): void => {
    const text = said ?? (busy && !sending ? messages.problem('BUSY', '') : null)
    invalid.textContent = text ?? ''
    invalid.hidden = text === null
    confirm.toggleAttribute('aria-invalid', said !== null && scope() === 'all')
    if (text === null) confirm.removeAttribute('aria-describedby')
    else confirm.setAttribute('aria-describedby', 'clear-invalid')
  }

  opener.addEventListener('click', () => {
    form.reset()
    complain(null)
    update()
    line.ask({ kind: 'clear', scope: scope() })
    dialog.showModal()
    void deps.recount().then(update)
  })
  form.addEventListener('change', event => {
    complain(null)
    update()
    if (event.target instanceof HTMLInputElement && event.target.name === 'scope')
      line.ask({ kind: 'clear', scope: scope() })
  })
  confirm.addEventListener('input', () => complain(null))
  part(form, 'cancel', HTMLButtonElement).addEventListener('click', () => dialog.close())
  form.addEventListener('submit', event => {
    event.preventDefault()
    if (submit.disabled) return
    const all = scope() === 'all'
    if (all && confirm.value.trim().toLowerCase() !== host.toLowerCase()) {
      complain(t('page.clear.mismatch', { host }))
      confirm.focus()
      return
    }
    sending = true
    update()
    deps
      .start(all ? { kind: 'clear', scope: 'all', confirm: host } : { kind: 'clear', scope: 'created' })
      .then(
        () => {
          dialog.close()
          deps.started()
        },
        error => complain(describe(error, messages))
      )
      .finally(() => {
        sending = false
        update()
        // A disabled button loses the focus.
        if (dialog.open) submit.focus()
      })
  })
  return {
    setBusy(now) {
      const changed = busy !== now
      busy = now
      update()
      if (dialog.open && changed) complain(null)
    }
  }
}
