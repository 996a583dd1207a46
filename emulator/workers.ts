// The portal's workers: how many requests run at once, and how long each one's commands take.
// Must stay true: first come, first served; without service time nothing here waits or sets a timer.

/** The work on a request ended before its end: the cap, a restart or a switched-on fault. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly why: 'cap' | 'restart' | 'fault'

  constructor(why: 'cap' | 'restart' | 'fault') {
    super(`The work on a request was interrupted: ${why}`)
    this.why = why
  }
}

/** One request's stay in a worker. Times are milliseconds of the given clock. */
export class Execution {
  readonly startedAt: number
  /** When the command that is being worked on began and will be finished. */
  commandAt: number
  #due: number
  readonly #clock: () => number
  readonly #end: number
  #commandsLeft: number
  #stopped: Interrupted | undefined
  #timer: NodeJS.Timeout | undefined
  #reject: ((reason: Interrupted) => void) | undefined

  /** `commands`: after how many commands a fault interrupts it; default never. */
  constructor(clock: () => number, capMs: number, commands = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.startedAt = clock()
    this.commandAt = this.startedAt
    this.#due = this.startedAt
    this.#end = this.startedAt + capMs
    this.#commandsLeft = commands
  }

  /**
   * Spends the service time of one command; answers undefined when there is nothing to wait for.
   * Deadlines add up from the request's start, so late timers do not slow a batch down.
   * @throws {Interrupted}, also asynchronously
   */
  spend(serviceMs: number): Promise<void> | undefined {
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#commandsLeft <= 0) throw new Interrupted('fault')
    this.#commandsLeft -= 1
    const now = this.#clock()
    if (serviceMs <= 0) {
      this.commandAt = now
      if (now > this.#end) throw new Interrupted('cap')
      return undefined
    }
    this.commandAt = this.#due
    this.#due += serviceMs
    if (this.#due > this.#end) {
      return this.#wait(this.#end - now).then(() => {
        throw new Interrupted('cap')
      })
    }
    const left = this.#due - now
    // A timer is at least a millisecond: what is nearly due runs now, and the next command waits the longer.
    return left < 0.5 ? undefined : this.#wait(left)
  }

  /** What its begun commands take: their service time, or the time that passed where they have none. */
  workedMs(): number {
    return this.#due > this.startedAt ? this.#due - this.startedAt : this.#clock() - this.startedAt
  }

  /** Lets time pass before the first command. @throws {Interrupted}, also asynchronously */
  async pause(ms: number): Promise<void> {
    await this.#wait(Math.min(ms, this.#end - this.#due))
    this.#due += ms
    if (this.#due > this.#end) throw new Interrupted('cap')
  }

  /** Ends it from outside. */
  stop(): void {
    this.#stopped = new Interrupted('restart')
    clearTimeout(this.#timer)
    this.#reject?.(this.#stopped)
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject
      this.#timer = setTimeout(resolve, Math.max(0, Math.round(ms)))
    })
  }
}

export interface Workers {
  /** Runs `work` as soon as a worker is free. @throws {Interrupted} when a restart forgot it in the queue */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Forgets the queue; what is running counts no more. */
  restart(): void
  /** To be called after the number of workers grew. */
  wake(): void
  /** The most that were busy at once. */
  readonly maxBusy: number
}

/** A queue in front of `count()` workers. */
export function createWorkers(count: () => number): Workers {
  let waiting: { readonly start: () => void; readonly forget: () => void }[] = []
  let busy = 0
  let maxBusy = 0
  let life = 0

  const take = (): void => {
    busy += 1
    maxBusy = Math.max(maxBusy, busy)
  }
  const wake = (): void => {
    while (busy < count()) {
      const next = waiting.shift()
      if (next === undefined) return
      take()
      next.start()
    }
  }
  return {
    async run(work) {
      const born = life
      if (busy < count() && waiting.length === 0) take()
      else {
        await new Promise<void>((start, reject) => {
          waiting.push({ start, forget: () => reject(new Interrupted('restart')) })
        })
      }
      try {
        return await work()
      } finally {
        if (born === life) {
          busy -= 1
          wake()
        }
      }
    },
    restart() {
      const forgotten = waiting
      waiting = []
      busy = 0
      life += 1
      for (const request of forgotten) request.forget()
    },
    wake,
    get maxBusy() {
      return maxBusy
    }
  }
}
