// Sliders: panels over the page, one above the other, each with something in a frame.
// Must stay true: closing one tells whoever opened it, once; Escape closes the uppermost.

const open = []

/** Opens an empty panel; answers `{element, setTitle, close}`. `onClose` runs when it is closed, by whomever. */
export const openSlider = (title, { width, onClose = () => {} } = {}) => {
  const element = document.createElement('div')
  element.className = 'slider'
  element.setAttribute('role', 'dialog')
  const heading = document.createElement('h2')
  const closeButton = document.createElement('button')
  closeButton.type = 'button'
  closeButton.textContent = '×'
  closeButton.setAttribute('aria-label', document.body.dataset.close)
  const content = document.createElement('div')
  content.className = 'slider-content'
  element.append(closeButton, heading, content)
  if (width > 0) element.style.width = `${width}px`
  const slider = {
    element: content,
    setTitle(text) {
      heading.textContent = text
      element.setAttribute('aria-label', text)
    },
    close() {
      const at = open.indexOf(slider)
      if (at < 0) return
      open.splice(at, 1)
      element.remove()
      onClose()
    }
  }
  slider.setTitle(title)
  closeButton.addEventListener('click', slider.close)
  document.body.append(element)
  open.push(slider)
  closeButton.focus()
  return slider
}

addEventListener('keydown', event => {
  if (event.key === 'Escape') open.at(-1)?.close()
})
