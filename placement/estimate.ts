// What an operation would take, said before it is started.
// Must stay true: the newest question wins; without an answer nothing is said, and nothing else is held up.
import type { OperationEstimate } from '../server/core/estimate.ts'
import type { StartInput } from './api.ts'
import type { Messages } from './messages.ts'
import { leftText } from './run-text.ts'

/** After the last key stroke. */
const PAUSE_MS = 300

export const estimateText = (
  { requests, seconds, limit, measured, ...rows }: OperationEstimate,
  messages: Messages
): string => {
  if (rows.companies + rows.contacts === 0) return messages.t('page.estimate.nothing')
  const about = messages.t('page.estimate', { time: leftText(seconds, messages), requests })
  return `${about} ${messages.t(measured ? `page.estimate.${limit}` : 'page.estimate.unmeasured')}`
}

export interface EstimateLine {
  /** Asks anew; null takes the line away. */
  ask(input: StartInput | null): void
}

export const createEstimateLine = (
  line: HTMLElement,
  messages: Messages,
  estimate: (input: StartInput) => Promise<OperationEstimate>
): EstimateLine => {
  let asked = 0
  const show = (text: string): void => {
    line.textContent = text
    line.hidden = text === ''
  }
  return {
    ask(input) {
      asked += 1
      const mine = asked
      if (input === null) return show('')
      setTimeout(() => {
        if (mine !== asked) return
        estimate(input).then(
          answer => {
            if (mine === asked) show(estimateText(answer, messages))
          },
          // An estimate is a courtesy: why the portal does not answer is said by the tables.
          () => {
            if (mine === asked) show('')
          }
        )
      }, PAUSE_MS)
    }
  }
}
