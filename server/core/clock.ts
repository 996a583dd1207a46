// Time as the core sees it, and the one way in which a loop of ours waits.
// Must stay true: core never calls Date.now or setTimeout by itself; tests may bring their own clock.

export interface Clock {
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds since some moment of this process: no setting of the time changes it, and it may stand still while the machine sleeps. */
  steady(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A moment by both clocks. */
export type Moment = Readonly<Record<'now' | 'steady', number>>

export const momentOf = (clock: Clock): Moment => ({ now: clock.now(), steady: clock.steady() })

/** Something to wait for: `wait` resolves at the next `wake`, or at a time, whichever comes first. */
export interface Bell {
  wake(): void
  /** `until`: unix milliseconds; Infinity = only a wake. A wake before the wait is not lost. */
  wait(until: number): Promise<void>
}

/** Without a reason, each abort would make an error with its stack. */
const RUNG = 'rung'

export const createBell = (clock: Clock): Bell => {
  let rung = false
  let interrupt: AbortController | undefined
  return {
    wake() {
      rung = true
      interrupt?.abort(RUNG)
    },
    async wait(until) {
      const controller = new AbortController()
      interrupt = controller
      if (!rung) await clock.sleep(Math.min(Math.max(0, until - clock.now()), 60_000), controller.signal)
      rung = false
      interrupt = undefined
    }
  }
}
