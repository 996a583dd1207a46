// The session of a page in a portal's frame: renewed while the page is open, so that it never runs out under a person's hands.
// Must stay true: kept in memory only; a failed renewal is tried again; one that is over is proven anew, and ends, loudly, where that is refused.
import { ApiError } from './api.ts'

/** A session lives 15 minutes: enough time is left to try again. */
const RENEW_EVERY_MS = 10 * 60_000
const TRY_AGAIN_MS = 20_000

export interface SessionDeps {
  /** Asks for a new session with the one that is still valid. @throws {ApiError} */
  readonly renew: () => Promise<string>
  readonly renewed: (session: string) => void
  /** The session is over: only opening the application again helps. */
  readonly over: (error: ApiError) => void
  readonly wait: (ms: number) => Promise<void>
}

/** Refused, not merely unanswered. */
const isOver = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.status === 401 || error.status === 403)

export interface ReproofDeps {
  /** Asks for a new session after the last one is over. @throws {ApiError} */
  readonly prove: () => Promise<string>
  readonly renewed: (session: string) => void
}

/** Gets another session after a computer's sleep, one for all requests that were refused meanwhile; false where that is refused, too. */
export const createReproof = ({ prove, renewed }: ReproofDeps): (() => Promise<boolean>) => {
  let underWay: Promise<boolean> | null = null
  const attempt = async (): Promise<boolean> => {
    try {
      renewed(await prove())
      return true
    } catch (error) {
      // A portal that refuses keeps silent (protocol.md, 7.4); a server that does so has refused nothing.
      if (isOver(error) || (error instanceof ApiError && error.code === 'FRAME_SILENT')) return false
      throw error
    } finally {
      underWay = null
    }
  }
  return () => {
    underWay ??= attempt()
    return underWay
  }
}

/** Resolves when the session is over. */
export const keepSession = async ({ renew, renewed, over, wait }: SessionDeps): Promise<void> => {
  let pause = RENEW_EVERY_MS
  for (;;) {
    await wait(pause)
    try {
      renewed(await renew())
      pause = RENEW_EVERY_MS
    } catch (error) {
      if (isOver(error)) return over(error)
      pause = TRY_AGAIN_MS
    }
  }
}
