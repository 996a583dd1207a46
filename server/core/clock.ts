// Time as the core sees it, and the one way in which a loop of ours waits.
// Must stay true: core never calls Date.now or setTimeout by itself; tests may bring their own clock; every wait is counted in steady time.

export interface Clock {
  /** Unix milliseconds: to write down and to show when something happens. Somebody may set it, so nothing waits by it. */
  now(): number
  /**
   * Milliseconds since some moment of this process ("steady ms"): no setting of the time changes it, and it may stand still while the machine sleeps.
   */
  steady(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A moment by both clocks. */
export type Moment = Readonly<Record<'now' | 'steady', number>>

export const momentOf = (clock: Clock): Moment => ({ now: clock.now(), steady: clock.steady() })

/** Milliseconds since then by the clock that says more: the one may have been set, the other one may have stood still. */
export const passedSince = (clock: Clock, { now, steady }: Moment): number =>
  Math.max(clock.now() - now, clock.steady() - steady)

/** The unix ms, as the clock is set now, at which it will be so many steady ms. */
export const dateOf = (clock: Clock, steady: number): number => Math.ceil(clock.now() + steady - clock.steady())

/** Something to wait for: `wait` resolves at the next `wake`, or at a time, whichever comes first. */
export interface Bell {
  wake(): void
  /** `until`: steady ms; Infinity = only a wake. A wake before the wait is not lost. */
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
      if (!rung) await clock.sleep(Math.min(Math.max(0, until - clock.steady()), 60_000), controller.signal)
      rung = false
      interrupt = undefined
    }
  }
}
