// The secret of a standalone page: taken out of the address bar, kept for this tab, sent with every call.
// Must stay true: after the page has opened, the secret is in no address, history entry or link.

const STORE = 'bitrixcorp.secret'

/** Storage may be closed to us (private mode, a foreign frame): then the secret lives as long as the page. */
const store = (secret: string | null): void => {
  try {
    if (secret === null) sessionStorage.removeItem(STORE)
    else sessionStorage.setItem(STORE, secret)
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

const strip = (): string | null => {
  const url = new URL(location.href)
  const secret = url.searchParams.get('secret')
  if (secret !== null) {
    url.searchParams.delete('secret')
    history.replaceState(history.state, '', url)
  }
  return secret
}

const withSecret = (address: string, secret: string): URL => {
  const url = new URL(address, location.href)
  url.searchParams.set('secret', secret)
  return url
}

/** Takes the secret from the address, or the one kept from before a reload. Null where none is needed. */
export const takeSecret = (): string | null => {
  const given = strip()
  if (given !== null) store(given)
  return given ?? stored()
}

/** On a refusal: opens the page again with the kept secret (the address has lost it); a wrong one is forgotten. */
export const reopenWithSecret = (): void => {
  const given = strip()
  const kept = stored()
  if (given !== null) store(null)
  else if (kept !== null) location.replace(withSecret(location.href, kept))
}

/** Links that open the page anew carry the secret only at the moment of the click. */
export const carrySecret = (links: Iterable<HTMLAnchorElement>, secret: string | null): void => {
  if (secret === null) return
  for (const link of links) {
    link.addEventListener('click', event => {
      event.preventDefault()
      location.assign(withSecret(link.href, secret))
    })
  }
}
