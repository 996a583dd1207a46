// Starts journal-writer.ts as a process and reads what it prints.
// Must stay true: all that it printed before its end is in `lines` when `ended` resolves.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { RunRecord } from '../../server/core/run/run.ts'
import type { Storage } from '../../server/store/database.ts'

export interface WriterOrder {
  readonly storage: Storage
  readonly run: RunRecord
  /** It stops after this one. */
  readonly batches: number
}

interface Writer {
  readonly lines: readonly string[]
  readonly acks: () => number[]
  /** Resolves when `condition` holds for what was printed so far. Rejects when it ends before. */
  until(condition: () => boolean): Promise<void>
  kill(): void
  readonly ended: Promise<void>
}

const script = fileURLToPath(new URL('journal-writer.ts', import.meta.url))

/** `fileLimit`: the largest file that the process may write, in KiB; its writes fail beyond. */
export const startWriter = (order: WriterOrder, fileLimit?: number): Writer => {
  const node = [process.execPath, '--import', 'tsx', script, JSON.stringify(order)]
  const limit = fileLimit === undefined ? '' : `ulimit -f ${fileLimit}; `
  const child = spawn('bash', ['-c', `${limit}exec "$@"`, 'bash', ...node], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const heard = new Set<() => void>()
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    for (const listener of heard) listener()
  })
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
  return {
    lines,
    acks: () => lines.filter(line => line.startsWith('ack ')).map(line => Number(line.slice(4))),
    until: condition =>
      new Promise((resolve, reject) => {
        const listener = (): void => {
          if (!condition()) return
          heard.delete(listener)
          resolve()
        }
        heard.add(listener)
        void ended.then(() => reject(new Error(`the writer ended too early, having said: ${lines.join(' · ')}`)))
        listener()
      }),
    kill: () => void child.kill('SIGKILL'),
    ended
  }
}
