// The real server as a child process: started, heard, sent signals.
// Must stay true: every process that was started is gone after `killServers`.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { AtCommit, Blow } from './schedule.ts'

const MAIN = fileURLToPath(new URL('../dist/server/main.js', import.meta.url))
const KILL_SWITCH = pathToFileURL(fileURLToPath(new URL('kill-switch.mjs', import.meta.url))).href

interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ServerProcess {
  /** Its origin when it answers, or undefined when it ended before. */
  readonly ready: Promise<string | undefined>
  readonly exited: Promise<End>
  alive(): boolean
  /** Standard error and the last log lines: what a failing round shows. */
  output(): string
  signal(name: NodeJS.Signals): void
  /** SIGKILL */
  stop(): Promise<void>
}

const living = new Set<ChildProcess>()

/** Frozen ones too. */
export const killServers = (): void => {
  for (const child of living) child.kill('SIGKILL')
}

const queryOf = (signal: string, { commit, side, of }: AtCommit): URLSearchParams =>
  new URLSearchParams({ at: String(commit), side, signal, ...(of === undefined ? {} : { of }) })

const preload = (blow: Blow | undefined): string[] =>
  blow !== undefined && 'commit' in blow.at ? ['--import', `${KILL_SWITCH}?${queryOf(blow.signal, blow.at)}`] : []

export interface StartOptions {
  /** At a commit. */
  readonly blow?: Blow | undefined
  /** Called when that blow has frozen it. */
  readonly onFrozen?: () => void
}

export const startServerProcess = (
  env: Readonly<Record<string, string>>,
  { blow, onFrozen = () => undefined }: StartOptions = {}
): ServerProcess => {
  const child = spawn(process.execPath, [...preload(blow), MAIN], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  living.add(child)
  let output = ''
  const exited = new Promise<End>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      living.delete(child)
      resolve({ code, signal })
    })
  })
  const ready = new Promise<string | undefined>(resolve => {
    const hear = (chunk: Buffer): void => {
      const said = chunk.toString()
      output = (output + said).slice(-8000)
      const found = /BitrixCorp: (http:\S+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
      if (said.includes('kill-switch: frozen')) onFrozen()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    void exited.then(() => resolve(undefined))
  })
  return {
    ready,
    exited,
    alive: () => living.has(child),
    output: () => output,
    signal: name => {
      child.kill(name)
    },
    async stop() {
      child.kill('SIGKILL')
      await exited
    }
  }
}
