// Folders for tests.
// Must stay true: a folder goes away with the test that asked for it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new empty folder. */
export const freshDir = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'bitrixcorp-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
