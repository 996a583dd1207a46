// Opening the storage: what is made, with which rights, and what is said when it cannot be.
// Must stay true: every refusal is a StorageUnusable whose message says what to do and holds no secret.
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, type Storage, StorageUnusable } from '../../server/store/database.ts'
import { freshDir } from '../support/fresh-dir.ts'
import { createPostgresDatabase } from '../support/postgres.ts'
import { batchesOf, engines, openAt, openRun } from '../support/stores.ts'

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

/** The message with which opening is refused. */
const refusal = async (storage: Storage): Promise<string> => {
  const error: unknown = await openDatabase(storage).then(
    db => db.destroy(),
    reason => reason
  )
  expect(error).toBeInstanceOf(StorageUnusable)
  return error instanceof StorageUnusable ? error.message : ''
}

describe('DATA_DIR', () => {
  test('is made for this user alone, with all that is in it', async () => {
    const dataDir = join(freshDir(), 'deep', 'data')
    const { db } = await openRun({ dataDir })
    expect(modeOf(dataDir)).toBe('700')
    const files = readdirSync(dataDir).sort()
    expect(files).toEqual(['bitrixcorp.sqlite', 'bitrixcorp.sqlite-shm', 'bitrixcorp.sqlite-wal'])
    for (const file of files) expect(modeOf(join(dataDir, file))).toBe('600')
    expect(await batchesOf(db)).toEqual([])
  })

  test('that others could read is closed to them, and so is its database', async () => {
    const dataDir = freshDir()
    await (await openAt({ dataDir })).destroy()
    chmodSync(dataDir, 0o755)
    chmodSync(join(dataDir, 'bitrixcorp.sqlite'), 0o644)
    await openAt({ dataDir })
    expect(modeOf(dataDir)).toBe('700')
    for (const file of readdirSync(dataDir)) expect(modeOf(join(dataDir, file))).toBe('600')
  })

  test('that everybody shares is refused and left as it is', async () => {
    const dataDir = freshDir()
    chmodSync(dataDir, 0o1777)
    expect(await refusal({ dataDir })).toContain('it is shared by all users of this machine')
    expect(modeOf(dataDir)).toBe('777')
  })

  test('below a file, or where nothing can be made, is refused with advice', async () => {
    const folder = freshDir()
    writeFileSync(join(folder, 'file'), '')
    for (const dataDir of [join(folder, 'file', 'data'), join(folder, 'file'), '/proc/bitrixcorp']) {
      const message = await refusal({ dataDir })
      expect(message).toContain(`DATA_DIR ${dataDir} cannot be used (`)
      expect(message).toContain('Set DATA_DIR to a folder of its own')
    }
  })

  test('whose database is not one is refused with advice', async () => {
    const dataDir = freshDir()
    const path = join(dataDir, 'bitrixcorp.sqlite')
    writeFileSync(path, 'This is certainly not a database. '.repeat(100))
    expect(await refusal({ dataDir })).toContain(`The database ${path} is damaged (file is not a database)`)
    const other = freshDir()
    mkdirSync(join(other, 'bitrixcorp.sqlite'))
    expect(await refusal({ dataDir: other })).toContain('cannot be used (it is not a file). Check the disk')
  })

  test('holds a database that writes to disk before it answers and keeps its references whole', async () => {
    const db = await openAt({ dataDir: freshDir() })
    const read = async (pragma: string): Promise<unknown> => {
      const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(pragma)}`.execute(db)
      return Object.values(rows[0] ?? {})[0]
    }
    expect(await read('journal_mode')).toBe('wal')
    expect(await read('synchronous')).toBe(2) // FULL
    expect(await read('busy_timeout')).toBe(0) // waited for outside
    expect(await read('journal_size_limit')).toBe(4_194_304)
    expect(await read('foreign_keys')).toBe(1)
  })
})

describe.each(engines)('a database on $name', ({ fresh }) => {
  test('is opened again and again, also while it is open', async () => {
    const storage = await fresh()
    const stores = [await openAt(storage), await openAt(storage), await openAt(storage)]
    for (const db of stores) expect(await batchesOf(db)).toEqual([])
  })

  test('of a newer version is refused, and not touched', async () => {
    const storage = await fresh()
    const db = await openAt(storage)
    await sql`insert into kysely_migration (name, timestamp) values ('999-later', '2030-01-01')`.execute(db)
    const message = await refusal(storage)
    expect(message).toContain('was written by a newer BitrixCorp (999-later). Start that version')
    expect(await batchesOf(db)).toEqual([])
  })

  test('whose tables are not ours is refused', async () => {
    const storage = await fresh()
    const db = await openAt(storage)
    await sql`delete from kysely_migration`.execute(db)
    expect(await refusal(storage)).toMatch(
      /cannot be used \(.*already exists.*Check the (address, the )?disk and the rights/
    )
  })
})

describe('DATABASE_URL', () => {
  test('that leads nowhere is refused, and its password is not repeated', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const address = server.address()
    await new Promise(resolve => server.close(resolve))
    const port = typeof address === 'object' ? address?.port : 0
    const message = await refusal({ databaseUrl: `postgres://user:pass-canary@localhost:${port}/db` })
    expect(message).toContain('The database at DATABASE_URL cannot be used (')
    expect(message).toContain('ECONNREFUSED')
    expect(message).not.toContain('canary')
  })

  test('to a server that does not speak PostgreSQL is refused', async () => {
    const server = createServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise(resolve => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    await refusal({ databaseUrl: `postgres://user:pass-canary@127.0.0.1:${port}/db` })
  })

  test('to a database that is not there is refused by name', async () => {
    const url = new URL(await createPostgresDatabase())
    url.pathname = '/no_such_database'
    expect(await refusal({ databaseUrl: url.href })).toContain('"no_such_database" does not exist')
  })
})
