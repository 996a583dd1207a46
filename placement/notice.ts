// Messages above the content: a refused action, and a server that does not answer.
// Must stay true: a message is text, is read out by screen readers, and stays until it is closed or outdated.
import { ApiError } from './api.ts'
import { byId, part } from './element.ts'
import type { Messages } from './messages.ts'

export interface Notice {
  /** Shows why an action did not work. */
  failed(error: unknown): void
  clear(): void
  /** Takes this message away if it is the one that is shown. */
  outdated(code: string): void
  connected(connected: boolean): void
  /** For screen readers only, politely. */
  announce(text: string): void
}

/** An error in the page's language. */
export const describe = (error: unknown, { problem }: Messages): string => {
  if (error instanceof ApiError) return problem(error.code, error.message)
  return problem('INTERNAL_ERROR', String(error))
}

export const createNotice = (messages: Messages): Notice => {
  const notice = byId('notice', HTMLElement)
  const text = part(notice, 'text', HTMLElement)
  const offline = byId('offline', HTMLElement)
  const announcer = byId('announcer', HTMLElement)
  let shown = ''
  const clear = (): void => {
    notice.hidden = true
    text.textContent = ''
    shown = ''
  }
  part(notice, 'close', HTMLButtonElement).addEventListener('click', clear)
  return {
    failed(error) {
      text.textContent = describe(error, messages)
      notice.hidden = false
      shown = error instanceof ApiError ? error.code : ''
    },
    clear,
    outdated(code) {
      if (shown === code) clear()
    },
    connected(connected) {
      if (connected !== offline.hidden) {
        offline.hidden = connected
        offline.textContent = connected ? '' : messages.t('page.offline')
      }
    },
    announce(said) {
      announcer.textContent = said
    }
  }
}
