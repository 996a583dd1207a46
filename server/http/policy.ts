// The content security policy of every answer, and who may frame a page.
// Must stay true: nothing may frame a page unless it was named here; no inline script or style.

const directives = (frameAncestors: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    `frame-ancestors ${frameAncestors}`
  ].join(';')

/** For everything that is not shown in a portal. */
export const unframed = directives("'none'")

/** For a page that exactly this portal may frame. `origin` comes from a URL parser: nothing in it can end the directive. */
export const framedBy = (origin: string): string => directives(new URL(origin).origin)
