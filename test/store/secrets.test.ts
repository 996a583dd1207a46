// The application's secret: made once, private, the same for all.
// Must stay true: no message repeats a secret.
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StorageUnusable } from '../../server/store/database.ts'
import { loadAppSecret } from '../../server/store/secrets.ts'
import { freshDir } from '../support/fresh-dir.ts'

const load = (dataDir: string): Promise<string> => loadAppSecret({ dataDir, configured: undefined })

test('a secret is made at the first start and found at the next', async () => {
  const dataDir = join(freshDir(), 'data')
  const secret = await load(dataDir)
  expect(Buffer.from(secret, 'base64url').length).toBe(32)
  expect(readdirSync(dataDir)).toEqual(['app-secret'])
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  expect(statSync(join(dataDir, 'app-secret')).mode & 0o777).toBe(0o600)
  expect(await load(dataDir)).toBe(secret)
  expect(await load(freshDir())).not.toBe(secret)
})

test('starts that overlap agree on one secret and leave nothing else behind', async () => {
  for (let round = 0; round < 5; round += 1) {
    const dataDir = freshDir()
    const starts: Promise<string>[] = []
    for (let start = 0; start < 20; start += 1) {
      starts.push(load(dataDir))
      // One turn behind the other, so that some look for the file while others make it.
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(new Set(await Promise.all(starts)).size).toBe(1)
    expect(readdirSync(dataDir)).toEqual(['app-secret'])
  }
})

test('a configured secret counts, and nothing is written', async () => {
  const dataDir = join(freshDir(), 'data')
  const configured = 'c'.repeat(32)
  expect(await loadAppSecret({ dataDir, configured })).toBe(configured)
  expect(existsSync(dataDir)).toBe(false)
})

test('a secret that others could read is closed to them', async () => {
  const dataDir = freshDir()
  const secret = await load(dataDir)
  chmodSync(join(dataDir, 'app-secret'), 0o644)
  expect(await load(dataDir)).toBe(secret)
  expect(statSync(join(dataDir, 'app-secret')).mode & 0o777).toBe(0o600)
})

test('a damaged secret is neither used, nor replaced, nor repeated', async () => {
  const dataDir = freshDir()
  writeFileSync(join(dataDir, 'app-secret'), 'canary')
  const error: unknown = await load(dataDir).catch(reason => reason)
  expect(error).toBeInstanceOf(StorageUnusable)
  expect(String(error)).toContain('it is damaged; restore it from a backup, or delete it')
  expect(String(error)).not.toContain('canary')
  expect(readFileSync(join(dataDir, 'app-secret'), 'utf8')).toBe('canary')
})

test('a folder that cannot be used is refused with advice', async () => {
  const folder = freshDir()
  writeFileSync(join(folder, 'file'), '')
  await expect(load(join(folder, 'file', 'data'))).rejects.toThrow('Set DATA_DIR to a folder of its own')
})
