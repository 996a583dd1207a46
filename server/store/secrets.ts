// APP_SECRET: given, or made once and kept in DATA_DIR.
// Must stay true: every start with the same DATA_DIR gets the same secret, two at the same moment too; nobody else can read it.
import { randomBytes } from 'node:crypto'
import { type FileHandle, link, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { narrow, prepareDataDir, reasonOf, StorageUnusable, type Warn } from './data-dir.ts'

const FILE = 'app-secret'
/** 32 random bytes as base64url. */
const SHAPE = /^[\w-]{43}$/

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const withFile = async <T>(path: string, flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> => {
  const handle = await open(path, flags, 0o600)
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

const read = async (path: string, warn: Warn): Promise<string | undefined> => {
  const secret = await withFile(path, 'r', async handle => {
    narrow(path, 0o600, warn)
    return (await handle.readFile('utf8')).trim()
  }).catch(error => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (secret === undefined || SHAPE.test(secret)) return secret
  throw new Error('it is damaged; restore it from a backup, or delete it: then everyone opens the application anew')
}

/** Puts a new secret at `path`, complete or not at all, unless another start was faster. */
const create = async (dataDir: string, path: string): Promise<void> => {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await withFile(draft, 'wx', async handle => {
      await handle.writeFile(randomBytes(32).toString('base64url'))
      await handle.sync()
    })
    // A link and not a rename: a rename would replace the secret that another start has made, and already uses.
    await link(draft, path).catch(error => {
      if (!hasCode(error, 'EEXIST')) throw error
    })
  } finally {
    await rm(draft, { force: true })
  }
  await withFile(dataDir, 'r', handle => handle.sync()) // the name, too, survives a power cut
}

/** The configured secret, or the one in DATA_DIR, which is made if there is none. @throws {StorageUnusable} */
export const loadAppSecret = async (options: {
  readonly dataDir: string
  readonly configured: string | undefined
  readonly warn?: Warn
}): Promise<string> => {
  const { dataDir, configured, warn = () => undefined } = options
  if (configured !== undefined) return configured
  prepareDataDir(dataDir, warn)
  const path = join(dataDir, FILE)
  try {
    const known = await read(path, warn)
    if (known !== undefined) return known
    await create(dataDir, path)
    const made = await read(path, warn)
    if (made !== undefined) return made
    throw new Error('it was removed while it was made')
  } catch (error) {
    if (error instanceof StorageUnusable) throw error
    throw new StorageUnusable(
      `The secret in ${path} cannot be used (${reasonOf(error)}). Check the disk and the rights of DATA_DIR, or set APP_SECRET.`,
      { cause: error }
    )
  }
}
