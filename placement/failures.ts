// The list of a run's rejected rows, with their reasons.
// Must stay true: the portal's words are shown as text; what is not shown is in the CSV.
import type { RunSnapshot } from '../server/core/run/run.ts'
import { byId, cloneRow, fillFields, part } from './element.ts'
import type { Messages } from './messages.ts'

export interface Failures {
  show(run: RunSnapshot): void
}

export const createFailures = (card: HTMLElement, { t, problem }: Messages): Failures => {
  const template = byId('failure-row', HTMLTemplateElement)
  const details = part(card, 'failures', HTMLDetailsElement)
  const rows = part(card, 'failure-rows', HTMLElement)
  const first = part(card, 'failures-first', HTMLElement)
  let shown = ''
  let opened = ''
  return {
    show(run) {
      const { id, errors, failed, status } = run
      details.hidden = failed === 0
      part(details, 'failures-title', HTMLElement).textContent = t('page.failures.heading', { count: failed })
      first.hidden = failed <= errors.length
      first.textContent = t('page.failures.first', { count: errors.length })
      if (status !== 'running' && failed > 0 && opened !== id) {
        opened = id
        details.open = true
      }
      const state = `${id}:${errors.length}`
      if (state === shown) return
      shown = state
      rows.replaceChildren(
        ...[...errors]
          .sort((one, other) => one.row - other.row)
          .map(({ row, entity, code, message }) => {
            const line = cloneRow(template)
            fillFields(line, { row: String(row), entity: t(`page.entity.${entity}`), reason: problem(code, message) })
            return line
          })
      )
    }
  }
}
