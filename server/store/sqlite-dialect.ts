// kysely on our SQLite: locks are waited for outside the engine, and nothing is written into a file that is not in its place.
// Must stay true: one connection, one transaction at a time; while one waits for another program's lock, the others go on.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver
} from 'kysely'
import { whenUnlocked } from './lock-patience.ts'
import { returnsRows, type Sqlite } from './sqlite-adapter.ts'

export interface SqliteOptions {
  readonly database: Sqlite
  /** Milliseconds for which a lock of another program is waited for. */
  readonly lockedMs: number
  /** @throws {AppError} STORAGE_GONE */
  readonly demandInPlace: () => void
}

/** kysely migrates SQLite outside a transaction, although SQLite can roll definitions back: two first starts would meet halfway. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** Outside a transaction. What meets a lock has done nothing, and says so by its number: a write that returns rows cannot, so it gets a transaction. */
const alone = async <R>(base: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> => {
  if (!returnsRows(query.sql)) return base.executeQuery<R>(query)
  await base.executeQuery(CompiledQuery.raw('begin'))
  try {
    const result = await base.executeQuery<R>(query)
    await base.executeQuery(CompiledQuery.raw('commit'))
    return result
  } catch (error) {
    try {
      await base.executeQuery(CompiledQuery.raw('rollback'))
    } catch {
      // The engine has rolled back by itself (full disk).
    }
    throw error
  }
}

class PatientDriver extends SqliteDriver {
  readonly #options: SqliteOptions
  #base: DatabaseConnection | undefined
  /** Its connection has a transaction: whoever holds the lock now, it is us. */
  #inside = false

  constructor(options: SqliteOptions) {
    super(options)
    this.#options = options
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const base = await super.acquireConnection()
    this.#base = base
    return {
      executeQuery: <R>(query: CompiledQuery) =>
        this.#inside ? base.executeQuery<R>(query) : this.#outside(() => alone<R>(base, query)),
      streamQuery: <R>(query: CompiledQuery, size: number) => base.streamQuery<R>(query, size)
    }
  }

  override async beginTransaction(): Promise<void> {
    await this.#outside(async () => {
      if (this.#base !== undefined) await super.beginTransaction(this.#base)
    })
    this.#inside = true
  }

  override async commitTransaction(): Promise<void> {
    this.#options.demandInPlace()
    if (this.#base !== undefined) await super.commitTransaction(this.#base)
    this.#inside = false
  }

  override async rollbackTransaction(): Promise<void> {
    this.#inside = false
    if (this.#base !== undefined) await super.rollbackTransaction(this.#base)
  }

  #outside<R>(work: () => Promise<R>): Promise<R> {
    this.#options.demandInPlace()
    return whenUnlocked(work, this.#options.lockedMs, async pause => {
      // The connection is lent to others meanwhile: readers are in nobody's way.
      await this.releaseConnection()
      await pause()
      await super.acquireConnection()
    })
  }
}

export class PatientSqliteDialect extends SqliteDialect {
  readonly #options: SqliteOptions

  constructor(options: SqliteOptions) {
    super(options)
    this.#options = options
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }

  override createDriver(): Driver {
    return new PatientDriver(this.#options)
  }
}
