// Preloaded into the server by `node --import kill-switch.mjs?at=N&side=before&signal=SIGKILL&of=batch.sent`: strikes at the Nth transaction
// of its store, or at the Nth that writes down such an event.
// Must stay true: the product knows nothing of it; the signal leaves no time for anything. The driver's own classes cannot be changed, kysely's can.
import { writeSync } from 'node:fs'
import { PostgresDriver, SqliteDriver } from 'kysely'

const { searchParams } = new URL(import.meta.url)
const strikeAt = Number(searchParams.get('at'))
const strikeSide = searchParams.get('side')
const signal = searchParams.get('signal') ?? 'SIGKILL'
const event = searchParams.get('of')
let commits = 0

const strike = () => {
  // server-process.ts listens for this: nobody is told when a process stands still.
  if (signal === 'SIGSTOP') writeSync(2, 'kill-switch: frozen\n')
  process.kill(process.pid, signal)
}

const seen = new WeakSet()
/** Connections whose transaction writes the event. */
const writing = new WeakSet()
const listen = connection => {
  if (seen.has(connection)) return
  seen.add(connection)
  const execute = connection.executeQuery
  connection.executeQuery = function (query) {
    if (query.parameters.some(value => String(value).includes(`"type":"${event}"`))) writing.add(connection)
    return execute.call(this, query)
  }
}

for (const { prototype } of [SqliteDriver, PostgresDriver]) {
  const { acquireConnection, commitTransaction } = prototype
  if (event !== null) {
    prototype.acquireConnection = async function () {
      const connection = await acquireConnection.call(this)
      listen(connection)
      return connection
    }
  }
  prototype.commitTransaction = async function (connection) {
    const counts = event === null || writing.delete(connection)
    if (counts) commits += 1
    const due = counts && commits === strikeAt
    if (due && strikeSide === 'before') strike()
    await commitTransaction.call(this, connection)
    if (due && strikeSide === 'after') strike()
  }
}
