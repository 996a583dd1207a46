// The question before a run is deleted from the history.
// Must stay true: it says what stays; nothing is deleted without a yes; a refusal is told where it was asked.
import { byId, part } from './element.ts'
import type { Messages } from './messages.ts'
import { describe } from './notice.ts'

/** Asks about one run. @param title as people know it */
export type AskToRemove = (runId: string, title: string) => void

/** @param removed the run is gone, and the dialog closed */
export const createRemoveDialog = (
  messages: Messages,
  remove: (runId: string) => Promise<void>,
  removed: () => void
): AskToRemove => {
  const dialog = byId('remove', HTMLDialogElement)
  const named = part(dialog, 'run', HTMLElement)
  const invalid = part(dialog, 'invalid', HTMLElement)
  const submit = part(dialog, 'submit', HTMLButtonElement)
  let asked: string | undefined

  const complain = (text: string): void => {
    invalid.textContent = text
    invalid.hidden = text === ''
  }
  part(dialog, 'cancel', HTMLButtonElement).addEventListener('click', () => dialog.close())
  dialog.addEventListener('submit', event => {
    event.preventDefault()
    if (asked === undefined || submit.disabled) return
    submit.disabled = true
    remove(asked)
      .then(
        () => {
          dialog.close()
          removed()
        },
        error => complain(describe(error, messages))
      )
      .finally(() => {
        submit.disabled = false
        // A disabled button loses the focus.
        if (dialog.open) submit.focus()
      })
  })
  return (runId, title) => {
    asked = runId
    named.textContent = title
    complain('')
    dialog.showModal()
  }
}
