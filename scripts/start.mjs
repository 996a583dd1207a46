// What `npm start` runs: builds what is missing or stale, then is the server itself.
// Must stay true: one process and no shell, so that signals reach the server everywhere; Node's memory flags stand in package.json.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url)), '--stale'], {
  stdio: ['ignore', 'inherit', 'inherit']
})
if (status !== 0) process.exit(status ?? 1)

// npm passes a signal on to its shell, and some shells (dash) die of it alone: whoever is left behind so stops as cleanly.
// Windows knows neither such signals nor another parent.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  watch.unref()
}

await import('../dist/server/main.js')
