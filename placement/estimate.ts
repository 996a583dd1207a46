// What an operation would take, said before it is started.
// Must stay true: the newest question wins; without an answer nothing is said, and nothing else is held up.
import type { OperationEstimate } from '../server/core/speed/estimate.ts'
import type { StartInput } from './api.ts'
import type { Messages } from './messages.ts'
import { leftText } from './run-text.ts'

/** After the last key stroke. */
const PAUSE_MS = 300

export const estimateText = (
  kind: StartInput['kind'],
  { requests, seconds, limit, measured, ...rows }: OperationEstimate,
  messages: Messages
): string => {
  const { t } = messages
  if (rows.companies + rows.contacts === 0) return t('page.estimate.nothing')
  const about = t('page.estimate', { time: leftText(seconds, messages), requests })
  return [
    // Who creates has said how many.
    ...(kind === 'clear' ? [t('page.estimate.deletes', { ...rows })] : []),
    about,
    t(measured ? `page.estimate.${limit}` : 'page.estimate.unmeasured')
  ].join(' ')
}

export interface EstimateLine {
  /** Asks anew; null takes the line away. */
  ask(input: StartInput | null): void
}

/** `answered`: how many records it is about; null when a new question is asked. */
export const createEstimateLine = (
  line: HTMLElement,
  messages: Messages,
  estimate: (input: StartInput) => Promise<OperationEstimate>,
  answered: (records: number | null) => void = () => undefined
): EstimateLine => {
  let asked = 0
  const show = (text: string): void => {
    line.textContent = text
  }
  return {
    ask(input) {
      asked += 1
      const mine = asked
      answered(null)
      if (input === null) return show('')
      setTimeout(() => {
        if (mine !== asked) return
        estimate(input).then(
          answer => {
            if (mine !== asked) return
            show(estimateText(input.kind, answer, messages))
            answered(answer.companies + answer.contacts)
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
