// The built server as a process of its own, with what the kernel and a preloaded histogram know of it.
// Must stay true: started as `npm start` starts it; its data and its working folder are its own and are gone afterwards.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const MAIN = fileURLToPath(new URL('../server/main.js', import.meta.url))
const PRELOAD = new URL('../../bench/loop-delay.mjs', import.meta.url).href
/** Node's own options of `npm start`. */
const nodeOptions = (): string[] =>
  z
    .object({ scripts: z.object({ start: z.string() }) })
    .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')))
    .scripts.start.split(' ')
    .filter(word => word.startsWith('--max-'))
/** Linux counts processor time in hundredths of a second for everybody outside the kernel. */
const TICKS_PER_SECOND = 100

export interface LoopDelay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface MeasuredServer {
  readonly origin: string
  /** Processor seconds so far, all threads, user and system. */
  cpuSeconds(): number
  /** Resident memory now, in MB. */
  residentMB(): number
  /** Highest resident memory since the last `reset`, in MB. */
  peakMB(): number
  /** Bytes still needed after a full collection, in MB. */
  heapMB(): Promise<number>
  /** Milliseconds, since the last `reset`. */
  loopDelay(): Promise<LoopDelay>
  /** Begins peak and loop delay anew. */
  reset(): Promise<void>
  stop(): Promise<void>
}

/** Processor seconds of a process. */
export const cpuSecondsOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is a name in brackets and may hold blanks: utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

const statusMB = (pid: number, field: 'VmRSS' | 'VmHWM'): number => {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1]) / 1024
}

/**
 * Resolves when the server answers. The portal's limits are out of the way: what is left is our own cost.
 * @throws where there is no /proc to measure with
 */
export const startMeasuredServer = async (webhookUrl: string): Promise<MeasuredServer> => {
  if (!existsSync('/proc/self/clear_refs')) throw new Error('The own cost is measured through /proc: only on Linux')
  const dataDir = mkdtempSync(join(tmpdir(), 'bitrixcorp-cost-'))
  const child = spawn(process.execPath, ['--expose-gc', ...nodeOptions(), '--import', PRELOAD, MAIN], {
    cwd: dataDir,
    env: {
      PORT: '0',
      DATA_DIR: dataDir,
      BITRIX_WEBHOOK_URL: webhookUrl,
      BITRIX_RATE: '1000',
      BITRIX_BURST: '100000'
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const { pid, stdout, stderr } = child
  const exited = once(child, 'exit')
  if (pid === undefined || stdout === null || stderr === null) throw new Error('The server could not be started')
  let output = ''
  const origin = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-8000)
      const found = /BitrixCorp: (http:\S+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
    }
    stdout.on('data', hear)
    stderr.on('data', hear)
    exited.then(() => reject(new Error(`The server has ended:\n${output}`)), reject)
  })

  let last = 0
  const ask = (order: 'loop-reset' | 'loop-delay' | 'heap'): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      const id = last
      const hear = (reply: { id: number; answer?: unknown }): void => {
        if (reply.id !== id) return
        child.off('message', hear)
        resolve(reply.answer)
      }
      child.on('message', hear)
      child.send({ id, order }, error => error !== null && reject(error))
    })

  return {
    origin,
    cpuSeconds: () => cpuSecondsOf(pid),
    residentMB: () => statusMB(pid, 'VmRSS'),
    peakMB: () => statusMB(pid, 'VmHWM'),
    heapMB: async () => Number(await ask('heap')) / 1024 ** 2,
    loopDelay: async () => (await ask('loop-delay')) as LoopDelay, // the other side of our own channel
    async reset() {
      await ask('loop-reset')
      // proc(5): 5 sets the peak back to what is resident now.
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
    },
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      rmSync(dataDir, { recursive: true, force: true })
      if (code !== 0) throw new Error(`The server did not stop cleanly (${code}):\n${output}`)
    }
  }
}
