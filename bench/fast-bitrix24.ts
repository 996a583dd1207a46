// fast_bitrix24 through its Python, where it can be imported.
// Must stay true: Python is up and the package imported before the clock starts; an absent package is said, never guessed.
// Python finds it by PYTHONPATH too.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contender.ts'

const PYTHON = 'python3'
const CLIENT = fileURLToPath(new URL('../../bench/fast_bitrix24_client.py', import.meta.url))
const FIND = 'import fast_bitrix24; from fast_bitrix24.__version__ import __version__; print(__version__)'

type Order =
  | { readonly do: 'open'; readonly webhook: string; readonly rate: number; readonly burst: number }
  | { readonly do: 'create' | 'clear'; readonly rows: number }

/** A Python that has the client loaded and carries out one order at a time. */
const startClient = () => {
  const child = spawn(PYTHON, [CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  const ask = async (order: Order): Promise<void> => {
    child.stdin.write(`${JSON.stringify(order)}\n`)
    const { done, value } = await answers.next()
    if (done) throw new Error('fast_bitrix24: its Python has ended')
    const { error } = JSON.parse(value) as { error?: string } // our own script
    if (error !== undefined) throw new Error(`fast_bitrix24: ${error}`)
  }
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  }
  return { ask, end }
}

/** The contender, or undefined: not installed. */
export const findFastBitrix24 = (): Contender | undefined => {
  const { status, stdout } = spawnSync(PYTHON, ['-c', FIND], { encoding: 'utf8' })
  if (status !== 0) return undefined
  return {
    name: `fast_bitrix24 ${stdout.trim()}`,
    async open(webhookUrl, { rate, burst }) {
      const client = startClient()
      await client.ask({ do: 'open', webhook: webhookUrl, rate, burst })
      return {
        run: ({ kind, rows }) => client.ask({ do: kind, rows }),
        rest: async () => undefined,
        close: client.end
      }
    }
  }
}
