// The embedded storage where something is wrong with its file: locked, damaged, gone, on a file system that does not fit.
// Must stay true: real files and real locks; a refused start changes nothing, and never begins an empty history.
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, StorageUnusable } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { openSqlite } from '../../server/store/sqlite-adapter.ts'
import { sqliteRefusal } from '../../server/store/sqlite-file.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { batchesOf, leasesOf, openAt, openRun, runOf, sent, snapshotOf, take } from '../support/stores.ts'

const FILE = 'bitrixcorp.sqlite'

/** Another program with the same file. */
const intruder = (dataDir: string): InstanceType<typeof DatabaseSync> => {
  const db = new DatabaseSync(join(dataDir, FILE))
  onTestFinished(() => {
    if (db.isOpen) db.close()
  })
  return db
}

/** The message with which opening is refused. */
const refusal = async (dataDir: string, lockedMs?: number): Promise<string> => {
  const error: unknown = await openDatabase({ dataDir, ...(lockedMs === undefined ? {} : { lockedMs }) }).then(
    db => db.destroy(),
    reason => reason
  )
  expect(error).toBeInstanceOf(StorageUnusable)
  return error instanceof StorageUnusable ? error.message : ''
}

/** A store with a run in it; with `crashed`, as a killed process leaves it: what was written last stands in -wal. */
const filled = async ({ crashed }: { readonly crashed: boolean }): Promise<string> => {
  const dataDir = freshDir()
  const { db, journal, lease } = await openRun({ dataDir })
  for (let batch = 1; batch <= 50; batch += 1) await journal.append(lease, 'run', [sent(batch)], snapshotOf('run'))
  if (!crashed) await db.destroy()
  // A copy: what this process once had open, SQLite knows more of than its files say.
  const copy = freshDir()
  for (const name of readdirSync(dataDir)) copyFileSync(join(dataDir, name), join(copy, name))
  return copy
}

const contents = (dataDir: string): Record<string, string> =>
  Object.fromEntries(readdirSync(dataDir).map(name => [name, readFileSync(join(dataDir, name)).toString('base64')]))

describe('a lock of another program', () => {
  test('is waited for without holding up the process, and writes come in their order', async () => {
    const dataDir = freshDir()
    const { db, journal, lease } = await openRun({ dataDir, lockedMs: 20 })
    const other = intruder(dataDir)
    other.exec('begin immediate')
    const order: number[] = []
    const appends = [1, 2, 3].map(batch =>
      journal.append(lease, 'run', [sent(batch)], snapshotOf('run', batch)).then(() => order.push(batch))
    )
    // Refused only after a wait of its own: by then the appends have met the lock, too. Readers are in nobody's way.
    await expect(leasesOf(db).acquire('other')).rejects.toMatchObject({ code: 'STORAGE_LOCKED', status: 503 })
    expect(await journal.find('run')).toMatchObject({ id: 'run' })
    await expect(leasesOf(db).release(lease)).rejects.toMatchObject({ code: 'STORAGE_LOCKED' })
    await expect(journal.requestCancel('run')).rejects.toMatchObject({ code: 'STORAGE_LOCKED' })
    const late = journal.append(lease, 'run', [sent(4)], snapshotOf('run', 4)).then(() => order.push(4))
    await expect(journal.create(lease, runOf('second'), [])).rejects.toMatchObject({ code: 'STORAGE_LOCKED' })
    expect(order).toEqual([])
    other.exec('rollback')
    await Promise.all([...appends, late])
    expect(order).toEqual([1, 2, 3, 4])
    expect(await batchesOf(db)).toEqual([1, 2, 3, 4])
    expect((await journal.find('run'))?.snapshot.done).toBe(4)
    expect(await journal.find('second')).toBeUndefined()
  })

  test('is not waited for any more when the server stops', async () => {
    const dataDir = freshDir()
    const db = await openAt({ dataDir, lockedMs: 20 })
    const stopping = new AbortController()
    const journal = createJournal(db, undefined, stopping.signal)
    const lease = await take(db)
    await journal.create(lease, runOf('run'), [])
    intruder(dataDir).exec('begin immediate')
    const append = journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))
    stopping.abort()
    await expect(append).rejects.toMatchObject({ code: 'STORAGE_LOCKED' })
  })

  test('that outlasts the patience of a start is told, and the next start works', async () => {
    const dataDir = await filled({ crashed: false })
    const other = intruder(dataDir)
    other.exec('pragma locking_mode = exclusive; begin exclusive; commit')
    expect(await refusal(dataDir, 20)).toMatch(/is locked by another program, such as a backup.* start again/)
    other.close()
    expect(await batchesOf(await openAt({ dataDir }))).toHaveLength(50)
  })
})

describe('a damaged file is refused in one sentence and left as it is:', () => {
  const refused = async (dataDir: string, what: RegExp): Promise<void> => {
    const before = contents(dataDir)
    const message = await refusal(dataDir)
    expect(message).toMatch(what)
    expect(message).toMatch(/It was left as it is. Restore DATA_DIR from a backup/)
    expect(contents(dataDir)).toEqual(before)
  }

  test('one that is empty', async () => {
    const dataDir = await filled({ crashed: false })
    truncateSync(join(dataDir, FILE), 0)
    await refused(dataDir, /is damaged \(the file is empty\)/)
  })

  test('one that is empty beside what was written last', async () => {
    const dataDir = await filled({ crashed: true })
    truncateSync(join(dataDir, FILE), 0)
    await refused(dataDir, /is damaged \(the file is empty\)/)
  })

  test('one that is missing beside what was written last', async () => {
    const dataDir = await filled({ crashed: true })
    rmSync(join(dataDir, FILE))
    await refused(dataDir, /is damaged \(the file is missing/)
  })

  test('one without the tables that stood in a -wal, which was lost', async () => {
    const dataDir = freshDir()
    new DatabaseSync(join(dataDir, FILE)).exec('pragma journal_mode = wal')
    for (const name of [`${FILE}-wal`, `${FILE}-shm`]) rmSync(join(dataDir, name), { force: true })
    const message = await refusal(dataDir)
    expect(message).toMatch(/is damaged \(it has none of our tables/)
    const db = new DatabaseSync(join(dataDir, FILE))
    expect(db.prepare('select name from sqlite_master').all()).toEqual([])
    db.close()
  })

  test('one that was cut off', async () => {
    const dataDir = await filled({ crashed: false })
    const whole = readFileSync(join(dataDir, FILE))
    writeFileSync(join(dataDir, FILE), whole.subarray(0, whole.length / 2))
    const message = await refusal(dataDir)
    expect(message).toMatch(/is damaged \(database disk image is malformed\).*left as it is/)
    expect(readFileSync(join(dataDir, FILE)).equals(whole.subarray(0, whole.length / 2))).toBe(true)
  })
})

test('a file system that cannot share a file as it has to be is refused', () => {
  // SQLite without the shared memory that no network file system gives it.
  const path = join(freshDir(), FILE)
  const open = (): unknown => openSqlite(`file:${path}?vfs=unix-dotfile`)
  expect(open).toThrow("SQLite's journal mode is delete there, not wal")
  try {
    open()
  } catch (error) {
    expect(sqliteRefusal(path, error).message).toMatch(
      /file system, which may be a network's.*Set DATA_DIR to a folder on a local disk/
    )
  }
})

describe('a file that is not in its place any more takes no write', () => {
  const expectGone = async (change: (dataDir: string) => void): Promise<void> => {
    const dataDir = freshDir()
    const { journal, lease, db } = await openRun({ dataDir })
    change(dataDir)
    await expect(journal.append(lease, 'run', [sent(1)], snapshotOf('run', 1))).rejects.toMatchObject({
      code: 'STORAGE_GONE'
    })
    await expect(leasesOf(db).acquire('other')).rejects.toMatchObject({ code: 'STORAGE_GONE' })
  }

  test('deleted', () => expectGone(dataDir => rmSync(join(dataDir, FILE))))

  test('with its folder', () => expectGone(dataDir => rmSync(dataDir, { recursive: true })))

  test('replaced by a copy', () =>
    expectGone(dataDir => {
      copyFileSync(join(dataDir, FILE), join(dataDir, 'copy'))
      renameSync(join(dataDir, 'copy'), join(dataDir, FILE))
    }))

  test('without what stands beside it', () => expectGone(dataDir => rmSync(join(dataDir, `${FILE}-wal`))))

  test('and what was put there is not touched when the store is closed', async () => {
    const dataDir = freshDir()
    const { db } = await openRun({ dataDir })
    const copy = freshDir()
    for (const name of readdirSync(dataDir)) copyFileSync(join(dataDir, name), join(copy, name))
    for (const name of readdirSync(dataDir)) renameSync(join(copy, name), join(dataDir, name))
    const before = contents(dataDir)
    await db.destroy()
    expect(contents(dataDir)).toEqual(before)
  })
})

test('starts at the same moment on an empty folder make one database, and nothing is left of the others', async () => {
  const dataDir = freshDir()
  const stores = await Promise.all([1, 2, 3].map(() => openAt({ dataDir })))
  for (const db of stores) await sql`select 1`.execute(db)
  expect(readdirSync(dataDir).sort()).toEqual([FILE, `${FILE}-shm`, `${FILE}-wal`])
})
