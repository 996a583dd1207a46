// The button on the page that the address of a stream shows: starts the run, and goes to the page that follows it.
// Must stay true: nothing is started before the click.
import { ApiError, createApi, type StartInput } from './api.ts'
import { byId, part } from './element.ts'
import { createMessages, type Language } from './messages.ts'
import { keepTicket, openPage } from './secret.ts'

interface StartState {
  readonly lang: Language
  readonly ticket: string | null
  readonly input: StartInput
}

export const offerStart = (): void => {
  const { lang, ticket, input } = JSON.parse(byId('state', HTMLElement).textContent ?? '') as StartState // written by our own server
  const button = byId('start', HTMLButtonElement)
  const trouble = part(document, 'trouble', HTMLElement)
  const messages = createMessages(lang)
  const api = createApi(() => ticket)
  const start = async (): Promise<void> => {
    button.disabled = true
    try {
      await api.start(input)
    } catch (error) {
      // With BUSY the page shows the run that is active.
      if (!(error instanceof ApiError) || error.code !== 'BUSY') {
        const { code, message } = error instanceof ApiError ? error : new ApiError(0, 'NETWORK', String(error))
        trouble.textContent = messages.problem(code, message)
        trouble.hidden = false
        button.disabled = false
        return
      }
    }
    openPage(ticket, `?lang=${lang}`)
  }
  keepTicket(ticket)
  button.addEventListener('click', () => void start())
  button.disabled = false
}
