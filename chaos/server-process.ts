// The real server as a child process: started, asked over HTTP, killed.
// Must stay true: every process that it starts is gone after `stop`.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Kill } from './schedule.ts'

const MAIN = fileURLToPath(new URL('../dist/server/main.js', import.meta.url))
const KILL_SWITCH = pathToFileURL(fileURLToPath(new URL('kill-switch.mjs', import.meta.url))).href

export interface ServerProcess {
  readonly origin: string
  readonly child: ChildProcess
  alive(): boolean
  /** Standard error and the last log lines: what a failing round shows. */
  output(): string
  signal(name: NodeJS.Signals): void
  /** Resolves with the exit code (null after a signal). */
  readonly exited: Promise<number | null>
  stop(): Promise<void>
}

/** Resolves when the server answers, or undefined when it was killed before. */
export const startServerProcess = async (
  env: Readonly<Record<string, string>>,
  kill: Kill | undefined
): Promise<ServerProcess | undefined> => {
  const preload = kill?.by === 'commit' ? ['--import', `${KILL_SWITCH}?at=${kill.at}&side=${kill.side}`] : []
  const child = spawn(process.execPath, [...preload, MAIN], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  let exit = false
  const exited = once(child, 'exit').then(([code]) => {
    exit = true
    return typeof code === 'number' ? code : null
  })
  const origin = await new Promise<string | undefined>(resolve => {
    const hear = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-8000)
      const found = /BitrixCorp: (http:\S+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    void exited.then(() => resolve(undefined))
  })
  if (origin === undefined) {
    if (kill === undefined) throw new Error(`The server did not start:\n${output}`)
    return undefined
  }
  return {
    origin,
    child,
    alive: () => !exit,
    output: () => output,
    signal: name => {
      child.kill(name)
    },
    exited,
    async stop() {
      child.kill('SIGKILL')
      await exited
    }
  }
}
