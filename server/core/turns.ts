// Many pieces of work of one moment (a thousand readers to write to, forty requests to send) are done in many turns of the event loop.
// Must stay true: first come, first served; who waits for his turn waits for the event loop, never for another reader.

/** Resolves when it is the caller's turn: at once for the first `perTurn` callers in a turn of the event loop. */
export const createTurns = (perTurn: number): (() => Promise<void>) => {
  let taken = 0
  let waiting: (() => void)[] = []

  const nextTurn = (): void => {
    const served = waiting.slice(0, perTurn)
    waiting = waiting.slice(perTurn)
    taken = served.length
    if (taken > 0) setImmediate(nextTurn)
    for (const go of served) go()
  }

  return () =>
    new Promise(resolve => {
      if (taken === 0) setImmediate(nextTurn)
      if (taken === perTurn) waiting.push(resolve)
      else {
        taken += 1
        resolve()
      }
    })
}
