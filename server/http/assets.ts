// The page's script and styles, as Vite built them.
// Must stay true: only files of the build are served, under names that change with their content.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type Router from '@koa/router'
import { send } from '@koa/send'
import { z } from 'zod'
import { notFound } from '../core/errors.ts'

const PREFIX = '/assets/'
const YEAR_MS = 365 * 24 * 3_600_000

const manifestSchema = z.record(z.string(), z.object({ file: z.string(), css: z.array(z.string()).optional() }))

export interface EntryAssets {
  readonly script: string
  readonly styles: readonly string[]
}

export interface Assets {
  /** Addresses of an entry, for example `placement/main.ts`. */
  entry(source: string): EntryAssets
  routes(router: Router): void
}

/** @throws when the page was not built: `npm run build` */
export const loadAssets = (buildDir: string): Assets => {
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(buildDir, '.vite', 'manifest.json'), 'utf8')))
  return {
    entry(source) {
      const chunk = manifest[source]
      if (chunk === undefined) throw new Error(`The build in ${buildDir} has no ${source}. Run npm run build.`)
      return { script: PREFIX + chunk.file, styles: (chunk.css ?? []).map(file => PREFIX + file) }
    },
    routes(router) {
      router.get('/assets/*path', async ctx => {
        const sent = await send(ctx, ctx.path.slice(PREFIX.length), {
          root: buildDir,
          maxage: YEAR_MS,
          immutable: true
        }).catch(() => undefined)
        if (sent === undefined) throw notFound('There is no such file.')
      })
    }
  }
}
