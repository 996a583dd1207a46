// The server processes of a round: started, struck as drawn, started again, until the round is over.
// Must stay true: a process that ends by itself is a problem of the round; all that were started are gone after `end`.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask, Door } from './door.ts'
import { type Blow, type Life, REQUEST_SECONDS, type Schedule, type Wake } from './schedule.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'
import type { Store } from './store.ts'

export interface Member {
  /** Whether it answers, as far as that is known. */
  up(): boolean
  /** The way in, through the process as it is now. @throws what `Ask` does */
  enter(): Promise<Ask>
  /** Next time the way in is a new one, as for somebody who opens the page again. */
  leave(): void
}

export interface Blows {
  /** SIGKILL */
  readonly kills: number
  /** SIGTERM */
  readonly stops: number
  /** SIGSTOP */
  readonly freezes: number
}

export interface Crew {
  readonly members: readonly Member[]
  readonly blows: Blows
  /** @throws {Error} when a process ended by itself */
  check(): void
  /** Wakes up whoever is frozen, and freezes nobody any more. */
  calm(): void
  end(): Promise<void>
}

/** A frozen process is not left alone for longer: the lease is over by then, and others have looked for its run. */
const LONGEST_FREEZE_MS = 25_000
const PAUSE_AFTER_REFUSAL_MS = 200

/** `onStart`: before each start of a process. */
export const startCrew = (schedule: Schedule, door: Door, store: Store, onStart: () => void): Crew => {
  const blows = { kills: 0, stops: 0, freezes: 0 }
  const over = new AbortController()
  const calmed = new AbortController()
  let problem: unknown

  const settings = (number: number): Record<string, string> => ({
    ...store.settings,
    ...door.settings(number),
    BITRIX_REQUEST_SECONDS: String(REQUEST_SECONDS),
    BITRIX_RATE: '40',
    BITRIX_BURST: '100',
    AUTO_RESUME: schedule.autoResume ? 'on' : 'off',
    LOG_LEVEL: 'error'
  })

  /** Less, when the round calms down before. */
  const pause = (ms: number, signal: AbortSignal): Promise<void> =>
    sleep(ms, undefined, { signal }).catch(() => undefined)

  const wakeUp = async (server: ServerProcess, wake: Wake): Promise<void> => {
    blows.freezes += 1
    if ('afterTakeoverMs' in wake) {
      const before = await store.takeovers()
      const latest = Date.now() + LONGEST_FREEZE_MS
      while (!calmed.signal.aborted && Date.now() < latest && (await store.takeovers()) === before)
        await pause(100, calmed.signal)
      await pause(wake.afterTakeoverMs, calmed.signal)
    } else await pause(wake.afterMs, calmed.signal)
    server.signal('SIGCONT')
  }

  const strikeLater = async (server: ServerProcess, blow: Blow): Promise<void> => {
    if (!('afterMs' in blow.at)) return
    await pause(blow.at.afterMs, calmed.signal)
    if (calmed.signal.aborted || !server.alive()) return
    server.signal(blow.signal)
    if (blow.signal === 'SIGSTOP') await wakeUp(server, blow.wake)
  }

  /** What became of a process that has ended. @throws {Error} when nobody made it end */
  const judge = async (server: ServerProcess, life: Life): Promise<void> => {
    const { code, signal } = await server.exited
    const struckBy = (name: Blow['signal']): boolean => life.some(blow => blow.signal === name)
    if (over.signal.aborted) return
    if (signal === 'SIGKILL' && struckBy('SIGKILL')) blows.kills += 1
    else if ((code === 0 || signal === 'SIGTERM') && struckBy('SIGTERM')) blows.stops += 1
    else if (schedule.dropEveryMs !== undefined && server.output().includes('at DATABASE_URL cannot be used')) {
      // Its connection was cut while it started: whoever looks after processes starts it again.
      await pause(PAUSE_AFTER_REFUSAL_MS, over.signal)
    } else throw new Error(`A process ended by itself (${signal ?? code}):\n${server.output()}`)
  }

  const startMember = (number: number, lives: readonly Life[]): Member & { readonly kept: Promise<void> } => {
    let way: { readonly origin: string; ask: Promise<Ask> | undefined } | undefined

    const live = async (life: Life): Promise<void> => {
      const blow = life.find(({ at }) => 'commit' in at)
      const onFrozen = (): void => {
        if (blow?.signal === 'SIGSTOP') void wakeUp(server, blow.wake)
      }
      const server = startServerProcess(settings(number), { blow, onFrozen })
      const kill = (): void => void server.stop()
      over.signal.addEventListener('abort', kill)
      try {
        const origin = await server.ready
        if (origin !== undefined) {
          way = { origin, ask: undefined }
          for (const blow of life) void strikeLater(server, blow)
        }
        await judge(server, life)
      } finally {
        over.signal.removeEventListener('abort', kill)
        way = undefined
      }
    }

    const keep = async (): Promise<void> => {
      for (let life = 0; !over.signal.aborted; life += 1) {
        onStart()
        await live(lives[life] ?? [])
        await pause(schedule.restartMs, over.signal)
      }
    }
    return {
      up: () => way !== undefined,
      async enter() {
        if (way === undefined) throw new TypeError('The process is down')
        const current = way
        current.ask ??= door.enter(current.origin)
        return current.ask.catch(error => {
          current.ask = undefined
          throw error
        })
      },
      leave() {
        if (way !== undefined) way.ask = undefined
      },
      kept: keep().catch(error => {
        problem ??= error
      })
    }
  }

  const members = schedule.lives.map((lives, number) => startMember(number, lives))
  return {
    members,
    blows,
    check() {
      if (problem !== undefined) throw problem
    },
    calm: () => calmed.abort(),
    async end() {
      calmed.abort()
      over.abort()
      await Promise.all(members.map(({ kept }) => kept))
    }
  }
}
