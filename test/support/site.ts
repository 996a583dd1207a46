// The whole product as a visitor meets it: the server with its own build and templates, over an emulated portal.
// Must stay true: everything is closed when the test ends; the portal outlives a stopped server.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  createEmulatedPortal,
  type EmulatedPortal,
  type EmulatedPortalOptions
} from '../../emulator/emulated-portal.ts'
import { readConfig } from '../../server/config.ts'
import { createLog } from '../../server/log.ts'
import { startServer } from '../../server/start.ts'

export interface SiteOptions {
  readonly portal?: EmulatedPortalOptions
  /** Settings, as in the environment. */
  readonly settings?: Readonly<Record<string, string>>
  /** HOST, also one that the settings would refuse without a secret. */
  readonly host?: string
}

export interface Site {
  readonly origin: string
  readonly portal: EmulatedPortal
  stop(): Promise<void>
  /** Starts again on the same port with the same data. @param more other settings than before */
  start(more?: SiteOptions['settings']): Promise<void>
}

/** Builds the page if it is missing or stale. */
export const buildPage = (): void => {
  const build = spawnSync(process.execPath, ['scripts/build.mjs', '--stale'], { encoding: 'utf8' })
  if (build.status !== 0) throw new Error(`The build failed: ${build.stdout}${build.stderr}`)
}

/** Limits are out of the way unless the options bring them in. */
export const openSite = async ({ portal: portalOptions, settings, host }: SiteOptions = {}): Promise<Site> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'bitrixcorp-site-'))
  const portal = await createEmulatedPortal({ bucket: { on: false }, operating: { on: false }, ...portalOptions })
  const configOf = (port: string, more: SiteOptions['settings']) =>
    readConfig({
      PORT: port,
      DATA_DIR: dataDir,
      BITRIX_WEBHOOK_URL: portal.webhookUrl,
      BITRIX_RATE: '1000',
      BITRIX_BURST: '1000',
      ...settings,
      ...more
    })
  const serve = (port: string, more: SiteOptions['settings'] = {}) =>
    startServer({ ...configOf(port, more), ...(host === undefined ? {} : { host }) }, createLog('silent'))
  const first = await serve('0')
  let running: Awaited<ReturnType<typeof serve>> | undefined = first
  const stop = async (): Promise<void> => {
    await running?.close()
    running = undefined
  }
  onTestFinished(async () => {
    await stop()
    await portal.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return {
    origin: first.origin,
    portal,
    stop,
    async start(more) {
      running = await serve(new URL(first.origin).port, more)
    }
  }
}
