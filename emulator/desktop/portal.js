// What every script of the desktop needs of its page: who looks, in which language, and how to ask the portal.
// Must stay true: asks this portal only.

/** The viewing person and the language of the page. */
export const visit = { user: Number(document.body.dataset.user), lang: document.body.dataset.lang }

/** Posts JSON; answers status and body. */
export const ask = async (path, body) => {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body)
  })
  return { ok: response.ok, body: await response.json() }
}

/** Shows a sentence above the page; an empty one hides it. */
export const notify = text => {
  const notice = document.getElementById('notice')
  notice.textContent = text
  notice.hidden = text === ''
}

/** The same address for the same person and language, with more in its query. */
export const addressOf = (path, more = {}) => {
  const url = new URL(path, location.origin)
  for (const [name, value] of Object.entries({ ...visit, ...more })) url.searchParams.set(name, value)
  return url.pathname + url.search
}
