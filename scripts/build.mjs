// Builds dist/: server, emulated portal and bench with tsc, the page with Vite. `--stale` builds only what is missing or older than its sources.
// Must stay true: `npm start` on a fresh checkout needs nothing else.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const onlyStale = process.argv.includes('--stale')

/** Newest change below the paths, in ms; 0 when nothing is there. */
const newest = paths => {
  let time = 0
  for (const path of paths) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    if (stat === undefined) continue
    time = Math.max(time, stat.mtimeMs)
    if (!stat.isDirectory()) continue
    for (const entry of readdirSync(join(root, path), { recursive: true })) {
      time = Math.max(time, statSync(join(root, path, String(entry))).mtimeMs)
    }
  }
  return time
}

const run = (tool, args) => {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', ...tool), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (status !== 0) process.exit(status ?? 1)
}

const steps = [
  {
    sources: ['server', 'emulator', 'bench', 'tsconfig.json', 'tsconfig.build.json', 'package.json'],
    product: 'dist/.tsbuildinfo',
    build: () => run(['typescript', 'bin', 'tsc'], ['-p', 'tsconfig.build.json'])
  },
  {
    sources: ['placement', 'locales', 'install.html', 'vite.config.ts', 'package.json'],
    product: 'dist/placement/.vite/manifest.json',
    build: () => run(['vite', 'bin', 'vite.js'], ['build', '--logLevel', 'warn'])
  }
]

for (const { sources, product, build } of steps) {
  if (!onlyStale || newest([product]) < newest(sources)) build()
}
