// The installation page: when everything is bound, tells the portal so; the portal then reloads its page.
// Must stay true: an installation with a failed step is not finished; a silent portal is said so, and repeating is safe.
import { byId, part } from './element.ts'
import { answered, connectPortal } from './frame.ts'
import { createMessages, type Language } from './messages.ts'
import './styles/install.css'

interface InstallState {
  readonly lang: Language
  readonly complete: boolean
}

const finish = async (say: (key: string) => void): Promise<void> => {
  try {
    const b24 = await connectPortal()
    if (!b24.isInstallMode) return say('install.already')
    // Never answered: the portal's page goes away (protocol.md, 7.4).
    await answered(b24.installFinish())
  } catch {
    say('install.silent')
  }
}

const state = JSON.parse(byId('state', HTMLElement).textContent ?? '') as InstallState // written by our own server
const outcome = part(byId('install', HTMLElement), 'outcome', HTMLElement)
const { t } = createMessages(state.lang)
if (state.complete) {
  void finish(key => {
    outcome.textContent = t(key)
    outcome.dataset['outcome'] = key
  })
}
