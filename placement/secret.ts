// The secret of a standalone page: the server gives a ticket for it, which is kept for this tab and sent with every call.
// Must stay true: the secret is kept nowhere, and neither secret nor ticket is in an address, history entry or link.

const STORE = 'bitrixcorp.ticket'

/** Storage may be closed to us (private mode, a foreign frame): then the ticket lives as long as the page. */
const store = (ticket: string | null): void => {
  try {
    if (ticket === null) sessionStorage.removeItem(STORE)
    else sessionStorage.setItem(STORE, ticket)
  } catch {
    // Nothing to do: see above.
  }
}

const stored = (): string | null => {
  try {
    return sessionStorage.getItem(STORE)
  } catch {
    return null
  }
}

/** The address of the page, whatever way led to it: by a script's `?secret=`, or by the form. A reload then asks for no form again. */
const tidyAddress = (): void => {
  const url = new URL(location.href)
  if (!url.searchParams.has('secret') && url.pathname !== '/secret') return
  url.searchParams.delete('secret')
  if (url.pathname === '/secret') url.pathname = '/'
  history.replaceState(history.state, '', url)
}

/** Opens the page in this tab: by a form, because a ticket in an address would stay in the history. Null: there is no secret. */
export const openPage = (ticket: string | null, search = location.search): void => {
  if (ticket === null) {
    location.assign(`/${search}`)
    return
  }
  const form = document.createElement('form')
  form.method = 'post'
  form.action = `/secret${search}`
  const input = document.createElement('input')
  input.type = 'hidden'
  input.name = 'secret'
  input.value = ticket
  form.append(input)
  document.body.append(form)
  form.submit()
}

/** `ticket`: from the page; null where no secret is needed. */
export const keepTicket = (ticket: string | null): void => {
  tidyAddress()
  if (ticket !== null) store(ticket)
}

/** On a refusal: opens the page with the ticket that was kept from before a reload; `wrong`: that was no longer good. */
export const reopenWithTicket = (wrong: boolean): void => {
  tidyAddress()
  const kept = stored()
  if (wrong) store(null)
  else if (kept !== null) openPage(kept)
}

/** Links that open the page anew carry the ticket only at the moment of the click. */
export const carryTicket = (links: Iterable<HTMLAnchorElement>, ticket: string | null): void => {
  if (ticket === null) return
  for (const link of links) {
    link.addEventListener('click', event => {
      event.preventDefault()
      openPage(ticket, link.search)
    })
  }
}
