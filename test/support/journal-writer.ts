// A process that appends to a journal until it is killed, fails or is done; it prints what was acknowledged.
// Must stay true: `ack n` is printed after batch n was acknowledged and before anything else is awaited.
import { openDatabase } from '../../server/store/database.ts'
import { createJournal } from '../../server/store/journal.ts'
import { createLeases } from '../../server/store/leases.ts'
import { isAlive, newOwner } from '../../server/this-process.ts'
import type { WriterOrder } from './writer-process.ts'

const order = JSON.parse(process.argv[2] ?? '') as WriterOrder // made by writer-process.ts
const { storage, run, batches } = order
const say = (line: string): boolean => process.stdout.write(`${line}\n`)

/** How many calls are made at once. */
const TOGETHER = 4

say('opening')
const db = await openDatabase(storage)
const journal = createJournal(db)
const leases = createLeases(db, { owner: newOwner(), ttl: 600_000, isAlive })
const lease = await leases.acquire(run.portalId)
if (lease === null) throw new Error('the lease of a dead process was not given to its successor')

const old = await journal.find(run.id)
if (old === undefined) await journal.create(lease, run, [])
let batch = old?.snapshot.done ?? 0
say(`goes on after ${batch}`)

let failed = false
const append = async (number: number): Promise<void> => {
  const parts = [0, 1, 2].map(part => ({
    type: 'batch.sent' as const,
    at: Date.now(),
    batch: number,
    rows: { company: [part] }
  }))
  try {
    await journal.append(lease, run.id, parts, { ...run.snapshot, done: number })
    say(`ack ${number}`)
  } catch (error) {
    failed = true
    say(`failed ${error instanceof Error && 'code' in error ? error.code : error}`)
  }
}
while (!failed && batch < batches) {
  const calls: Promise<void>[] = []
  for (let i = 0; i < TOGETHER && batch < batches; i += 1) {
    batch += 1
    calls.push(append(batch))
  }
  await Promise.all(calls)
}
say('done')
await db.destroy()
