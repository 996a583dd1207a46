// Preloaded into the server by `node --import kill-switch.mjs?at=N&side=before`: kills the process at the Nth transaction of its store.
// Must stay true: the product knows nothing of it; SIGKILL leaves no time for anything. The driver's own classes cannot be changed, kysely's can.
import { SqliteDriver } from 'kysely'

const { searchParams } = new URL(import.meta.url)
const killAt = Number(searchParams.get('at'))
const side = searchParams.get('side')
const commit = SqliteDriver.prototype.commitTransaction
let commits = 0

SqliteDriver.prototype.commitTransaction = async function (connection) {
  commits += 1
  const due = commits === killAt
  if (due && side === 'before') process.kill(process.pid, 'SIGKILL')
  await commit.call(this, connection)
  if (due && side === 'after') process.kill(process.pid, 'SIGKILL')
}
