// The parent side of the frame protocol: what an application may ask of the page around it (protocol.md, 7.2 to 7.5).
// Must stay true: only messages of the frame's own origin with its APP_SID count; replies are strings; what is denied is ignored silently.
import { frameOf, openFrame } from './frames.js'
import { addressOf, ask, notify } from './portal.js'
import { openSlider } from './slider.js'

/** As the portal's own script has it: what the SDK disguises with `..` passes (trap 47). */
const OPEN_PATHS =
  /^\/(crm\/(deal|lead|contact|company|type)|marketplace|company\/personal\/user\/[0-9]+|workgroups\/group\/[0-9]+)\//

const NOT_IN_PLACEMENTS = ['setTitle', 'setScroll', 'reloadWindow'] // trap 45

/** Done by the portal's server; the reply, if any, goes on to the application. */
const askPortal = name => async (frame, params, reply) => {
  const { ok, body } = await ask('/desktop/frame', { sid: frame.sid, command: name, params })
  if (ok && 'reply' in body) reply(body.reply)
  return ok
}

const commands = {
  getInitData: askPortal('getInitData'),
  getInterface: askPortal('getInterface'),
  setInstall: askPortal('setInstall'),
  setUserOption: askPortal('setUserOption'),
  setAppOption: askPortal('setAppOption'),
  async refreshAuth(frame, params, reply) {
    if (!(await askPortal('refreshAuth')(frame, params, reply))) notify(document.body.dataset.refreshFailed)
  },
  /** Never replies: the page goes away (trap 11). */
  async setInstallFinish(frame, params) {
    if (!(await askPortal('setInstallFinish')(frame, params, () => {}))) return
    location.assign(addressOf(frame.appPath, { install_finished: 'Y' }))
  },
  resizeWindow({ element }, { width, height }, reply) {
    element.style.width = width === '100%' ? '100%' : `${Number(width)}px`
    element.style.height = `${Number(height)}px`
    reply({ width: element.offsetWidth, height: element.offsetHeight })
  },
  setTitle({ slider }, params, reply) {
    if (slider === undefined) {
      document.title = params.title
      document.getElementById('title').textContent = params.title
    } else slider.setTitle(params.title)
    reply(params)
  },
  setScroll(_, params, reply) {
    scrollTo(scrollX, Number(params.scroll))
    reply(params)
  },
  openPath(frame, { path }, reply) {
    if (typeof path !== 'string' || !OPEN_PATHS.test(path)) {
      reply({ result: 'error', errorCode: 'PATH_NOT_AVAILABLE' })
      return
    }
    openPath(path, { from: 'rest_placement', from_app: frame.clientId }, () => reply({ result: 'close' }))
  },
  async openApplication(frame, params, reply) {
    const { bx24_width: width, bx24_title: title } = params
    await openFrame({ clientId: frame.clientId, options: params }, { width, title, onClose: () => reply() })
  },
  closeApplication({ slider }) {
    slider?.close()
  },
  reloadWindow() {
    location.reload()
  },
  async reloadData(frame, _, reply) {
    if (!/_LIST_MENU$/.test(frame.placement)) return
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html')
    document.getElementById('lists').replaceWith(page.getElementById('lists'))
    reply()
  }
}

/** Opens a page of the portal in a slider; the browser resolves `..`. */
export const openPath = (path, more = {}, onClose = () => {}) => {
  const slider = openSlider(path.replace(/[?#].*$/, ''), { onClose })
  const element = document.createElement('iframe')
  element.src = addressOf(path, { IFRAME: 'Y', IFRAME_TYPE: 'SIDE_SLIDER', ...more })
  slider.setTitle(new URL(element.src).pathname)
  element.title = new URL(element.src).pathname
  element.addEventListener('load', () =>
    slider.setTitle(element.contentDocument?.querySelector('h1')?.textContent ?? '')
  )
  slider.element.replaceChildren(element)
}

/** `method[:paramsJson]:callbackId:appSid`, or the object of the same parts; undefined when it is neither. */
const parse = data => {
  if (typeof data === 'object' && data !== null) {
    const { method, params, callback, appSid } = data
    return { method, params, callback, appSid }
  }
  if (typeof data !== 'string') return undefined
  const parts = data.split(':')
  if (parts.length < 3) return undefined
  const json = parts.slice(1, -2).join(':')
  try {
    return {
      method: parts[0],
      params: json === '' ? [] : JSON.parse(json),
      callback: parts.at(-2),
      appSid: parts.at(-1)
    }
  } catch {
    return undefined
  }
}

addEventListener('message', event => {
  const call = parse(event.data)
  const frame = call && frameOf(call.appSid)
  if (frame === undefined || event.origin !== frame.appOrigin) return
  if (frame.placement !== 'DEFAULT' && NOT_IN_PLACEMENTS.includes(call.method)) return
  if (!Object.hasOwn(commands, call.method)) return
  const reply = value => {
    if (!call.callback) return
    const text = value === undefined ? '' : JSON.stringify(value)
    // Always a string: the SDK splits it (trap 46).
    frame.element.contentWindow?.postMessage(`${call.callback}:${text}`, frame.appOrigin)
  }
  void commands[call.method](frame, call.params ?? [], reply)
})
