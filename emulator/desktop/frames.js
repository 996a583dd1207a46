// Applications in frames: opens one with the portal's hidden form, and keeps what is known about each.
// Must stay true: a frame has its own name, no sandbox, and no address: the form's POST is what fills it (protocol.md, 5.3 and 7.1).
import { ask, notify, visit } from './portal.js'
import { openSlider } from './slider.js'

const frames = new Map()

/** The open frame with this APP_SID. */
export const frameOf = sid => frames.get(sid)

/**
 * Opens an application. `wish`: {clientId, placement?, handler?, options?, uri?};
 * `here`: an element to open it in, otherwise a slider; `onClose`: when that is closed.
 */
export const openFrame = async (wish, { here, width, title, onClose } = {}) => {
  const { ok, body: opening } = await ask('/desktop/open', { ...wish, ...visit })
  if (!ok) {
    notify(opening.message ?? '')
    return
  }
  notify('')
  const { sid } = opening
  const closed = () => {
    frames.delete(sid)
    onClose?.()
  }
  const slider = here === undefined ? openSlider(title ?? opening.title, { width, onClose: closed }) : undefined
  const element = document.createElement('iframe')
  element.name = opening.frameName
  element.title = opening.title
  element.allow = 'geolocation *; microphone *; camera *; autoplay *;'
  const container = here ?? slider.element
  container.replaceChildren(element)
  frames.set(sid, { ...opening, element, slider })
  submit(opening)
}

const submit = ({ url, frameName, fields }) => {
  const form = document.createElement('form')
  form.method = 'post'
  form.action = url
  form.target = frameName
  form.hidden = true
  for (const [name, value] of fields) {
    const input = document.createElement('input')
    input.type = 'hidden'
    input.name = name
    input.value = value
    form.append(input)
  }
  document.body.append(form)
  form.submit()
  form.remove()
}
