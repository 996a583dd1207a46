// What `npm start` runs: builds what is missing or stale, then is the server itself.
// Must stay true: one process and no shell, so that signals reach the server everywhere; Node's memory flags stand in package.json.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url)), '--stale'], {
  stdio: ['ignore', 'inherit', 'inherit']
})
if (status !== 0) process.exit(status ?? 1)

await import('../dist/server/main.js')
