// The package has no types; only its stream class is used (stack.md, section 3).
declare module 'koa-sse-stream/lib/sse.js' {
  import type { Transform } from 'node:stream'
  import type { Context } from 'koa'

  export interface SseMessage {
    readonly event?: string
    readonly id?: string
    readonly data: string
  }
  export default class SseTransform extends Transform {
    constructor(ctx: Context)
    /** `send` of the class loses the callback; this is what it calls. */
    override write(message: SseMessage, done?: (error: Error | null | undefined) => void): boolean
  }
}
