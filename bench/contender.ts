// One way of filling or clearing a portal, ready to be timed.
// Must stay true: every contender works against the same kind of portal, over real sockets.

export interface Work {
  readonly kind: 'create' | 'clear'
  /** Companies and contacts together; half of each. */
  readonly rows: number
}

export interface Settings {
  readonly rate: number
  readonly burst: number
  readonly requestSeconds: number
}

export interface Contender {
  readonly name: string
  /** Prepares (connections, storage); `run` does the work and is what is timed. */
  open(
    webhookUrl: string,
    settings: Settings
  ): Promise<{
    run(work: Work): Promise<void>
    /** As if so much time had passed that all limits are forgotten; what was learned of the portal's speed stays. */
    rest(): Promise<void>
    close(): Promise<void>
  }>
}
