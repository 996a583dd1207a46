// On narrow screens one table is shown at a time; this chooses which.
// Must stay true: on wide screens both are visible, and the choice changes nothing.
import { byId } from './element.ts'

export const startTableSwitch = (): void => {
  const tables = byId('tables', HTMLElement)
  const buttons = byId('switch', HTMLElement).querySelectorAll<HTMLButtonElement>('button[data-table]')
  for (const button of buttons) {
    button.addEventListener('click', () => {
      tables.dataset['table'] = button.dataset['table']
      for (const each of buttons) each.setAttribute('aria-pressed', String(each === button))
    })
  }
}
