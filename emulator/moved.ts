// Where a renamed portal sends those who ask at its old address (protocol.md, 1.8).
// Must stay true: at the new address nobody is sent anywhere.
import type { Context } from 'koa'

/** Undefined when the portal is where it was asked. `movedTo`: the new origin. */
export function movedLocation(ctx: Context, movedTo: string | undefined): string | undefined {
  if (movedTo === undefined || new URL(movedTo).host === ctx.host) return undefined
  return new URL(ctx.url.replace(/^\/+/, '/'), movedTo).href
}
