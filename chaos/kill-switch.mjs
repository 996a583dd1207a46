// Preloaded into the server by `node --import kill-switch.mjs?at=N&side=before`: kills the process at the Nth commit of its database, before or after it.
// Must stay true: the product knows nothing of it; SIGKILL leaves no time for anything.
import { DatabaseSync } from '@photostructure/sqlite'

const { searchParams } = new URL(import.meta.url)
const killAt = Number(searchParams.get('at'))
const side = searchParams.get('side')
let commits = 0

const kill = () => process.kill(process.pid, 'SIGKILL')

if (killAt > 0) {
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql)
    if (sql !== 'commit') return statement
    const run = statement.run.bind(statement)
    return {
      run: (...parameters) => {
        commits += 1
        if (commits === killAt && side === 'before') kill()
        const result = run(...parameters)
        if (commits === killAt && side === 'after') kill()
        return result
      }
    }
  }
}
