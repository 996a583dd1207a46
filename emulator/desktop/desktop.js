// The desktop's page: menus, what its buttons open, and the application that a page shows by itself.
// Must stay true: everything is found by data attributes, so a list that was read anew works like the first one.
import { openPath } from './commands.js'
import { openFrame } from './frames.js'
import { ask } from './portal.js'

const closeMenus = except => {
  for (const opener of document.querySelectorAll('[aria-haspopup=menu][aria-expanded=true]')) {
    if (opener === except) continue
    opener.setAttribute('aria-expanded', 'false')
    opener.nextElementSibling.hidden = true
  }
}

const toggleMenu = opener => {
  const menu = opener.nextElementSibling
  menu.hidden = !menu.hidden
  opener.setAttribute('aria-expanded', String(!menu.hidden))
}

/** `data-record` is the row whose menu it is; the portal knows nothing of other selected rows (trap 42). */
const wishOf = ({ dataset }, json) => {
  const wish = { ...JSON.parse(json), uri: dataset.uri }
  return dataset.record === undefined ? wish : { ...wish, options: { ID: dataset.record } }
}

const changeApplication = async button => {
  const clean = button.closest('td').querySelector('input')?.checked ?? false
  const { application: clientId, action } = button.dataset
  await ask('/desktop/application', { clientId, action, clean, user: Number(document.body.dataset.user) })
  location.reload()
}

addEventListener('click', event => {
  const button = event.target instanceof Element ? event.target.closest('button') : null
  closeMenus(button)
  if (button === null) return
  const { open, path, application } = button.dataset
  if (button.ariaHasPopup === 'menu') toggleMenu(button)
  else if (open !== undefined) void openFrame(wishOf(button, open))
  else if (path !== undefined) openPath(path)
  else if (application !== undefined) void changeApplication(button)
})

document.body.inert = false

const here = document.querySelector('[data-open-here]')
if (here !== null) void openFrame(wishOf(here, here.dataset.openHere), { here })
