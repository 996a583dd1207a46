// The process: settings, start, signals, exit code.
// Must stay true: a wrong setting stops the start with one readable message; a signal stops cleanly with exit code 0,
// and always stops: what takes longer than the longest request and some seconds is cut off, with exit code 1. So is a server whose storage is gone.
import { ConfigError, loadConfig } from './config.ts'
import { answerSeconds } from './core/portal.ts'
import { createLog } from './log.ts'
import { startServer } from './start.ts'
import { StorageUnusable } from './store/database.ts'

/** For what has to be written and closed once the last answer is there, or is not waited for any more. */
const CLOSING_MS = 10_000
/** For runs and readers, when the storage is gone. */
const LEAVING_MS = 5000

const refuse = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const describe = (error: unknown, where: string): string => {
  if (error instanceof ConfigError || error instanceof StorageUnusable) return error.message
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `${where} is in use already. Set PORT to a free one, for example PORT=3001.`
  }
  if (
    error instanceof Error &&
    'code' in error &&
    ['EADDRNOTAVAIL', 'ENOTFOUND', 'EACCES'].includes(String(error.code))
  ) {
    return `${where} cannot be listened on (${error.message}). Set HOST to an address of this machine and PORT to one that this user may open.`
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

const main = async (): Promise<void> => {
  // Before there is anything to stop. What is on disk by then stands as after any other crash.
  const leave = (): never => process.exit(0)
  process.on('SIGTERM', leave)
  process.on('SIGINT', leave)
  const config = loadConfig()
  const log = createLog(config.logLevel)
  const server = await startServer(config, log).catch(error => refuse(describe(error, `${config.host}:${config.port}`)))
  const { emulated, origin } = server
  const portal = emulated === undefined ? '' : `  The same inside an emulated portal: ${emulated.origin}\n`
  // For people; standard output holds nothing but the log, one JSON object a line.
  process.stderr.write(`\n  BitrixCorp: ${origin}\n${portal}\n`)

  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    setTimeout(
      () => {
        log.error('stopping took too long and was cut off: the next start settles what was under way')
        process.exit(1)
      },
      answerSeconds(config.requestSeconds) * 1000 + CLOSING_MS
    )
    server.close().then(
      () => process.exit(0),
      error => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      }
    )
  }
  // The exit code says that something is wrong; what runs are told of it has a moment to arrive.
  void server.lost.then(error => {
    log.fatal({ err: error }, error.message)
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), LEAVING_MS)
    server.close().then(
      () => process.exit(1),
      () => process.exit(1)
    )
  })
  // Never without a listener: a signal that has arrived by then would be lost.
  process.on('SIGTERM', stop).off('SIGTERM', leave)
  process.on('SIGINT', stop).off('SIGINT', leave)
}

await main().catch(error => refuse(describe(error, 'The address')))
