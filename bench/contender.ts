// One way of filling or clearing a portal, ready to be timed.
// Must stay true: every contender works against the same kind of portal, over real sockets.
import type { EmulatedPortal } from '../emulator/emulated-portal.ts'

export interface Work {
  readonly kind: 'create' | 'clear'
  /** Companies and contacts together; half of each. */
  readonly rows: number
}

export interface Contender {
  readonly name: string
  /** Prepares (connections, storage); the returned function does the work and is what is timed. */
  open(portal: EmulatedPortal, settings: { readonly rate: number; readonly burst: number; readonly requestSeconds: number }): Promise<{
    run(work: Work): Promise<void>
    close(): Promise<void>
  }>
}
