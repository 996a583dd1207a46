// A run taken over from a process that is frozen, cut off or dead, whose requests the portal still works on.
// Must stay true: through the real createRuns; the portal is counted, not the journal.
import { expect, test } from 'vitest'
import { answerSeconds, type Portal, PortalFailure } from '../../server/core/portal.ts'
import type { Journal } from '../../server/core/run/journal.ts'
import type { Runs } from '../../server/core/run/runs.ts'
import { createDisk, createSharedLeases, openMemoryJournal } from '../support/memory-journal.ts'
import { createModelPortal } from '../support/model-portal.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'
import { channelTo, companiesAndContacts, nobody, pass, runsOver, toTheEnd } from '../support/virtual-runs.ts'

const REQUEST_SECONDS = 60
/** As late as a portal may begin with a request, and as long as it may then work on it. */
const LATEST = answerSeconds(REQUEST_SECONDS) + REQUEST_SECONDS - 1

/** Its state while it waits until unknown rows may be looked up. */
const waiting = async (runs: Runs) => {
  for await (const { waitingFor, waitingUntil } of runs.watch('run1', new AbortController().signal)) {
    if (waitingFor === 'reconciliation' && waitingUntil !== null) return { waitingUntil }
  }
  throw new Error('The run never waited for a look-up')
}

/**
 * Two processes, a database and a portal that executes the first batch `workAt` seconds after it came, whoever waits for it;
 * `copies`: so many times.
 */
const createWorld = (workAt: number, copies = 1) => {
  const clock = createVirtualClock()
  const model = createModelPortal(clock, [], REQUEST_SECONDS)
  const disk = createDisk()
  const dead = new Set<string>()
  const leasesOf = createSharedLeases(clock, owner => dead.has(owner))
  let first = true
  const slow: Portal['execute'] = async (commands, options) => {
    if (!first || !commands.some(({ key }) => key === 'c1')) return model.portal.execute(commands, options)
    first = false
    void clock.sleep(workAt * 1000).then(() => {
      for (let copy = 0; copy < copies; copy += 1) void model.portal.execute(commands, options)
    })
    await clock.sleep(answerSeconds(REQUEST_SECONDS) * 1000)
    throw new PortalFailure('lost', 'TIMED_OUT', 'No answer')
  }
  return {
    clock,
    startProcess(name: string, { writeSeconds = 0 } = {}) {
      const memory = openMemoryJournal(disk)
      let stopped = false
      let reachable = true
      let readSeconds = 0
      const sent: { readonly at: number; readonly method: string }[] = []
      const journal: Journal = {
        ...memory.journal,
        async append(...args) {
          await memory.journal.append(...args)
          if (!stopped) await clock.sleep(writeSeconds * 1000)
        }
      }
      const leases = leasesOf(name, () => reachable)
      const execute: Portal['execute'] = async (commands, options) => {
        if (stopped) return new Promise(() => undefined)
        for (const { method } of commands) sent.push({ at: clock.now(), method })
        const reads = commands.every(({ method }) => method.endsWith('.list'))
        const reply = await slow(commands, options)
        await clock.sleep(reads ? readSeconds * 1000 : 0)
        return reply
      }
      return {
        runs: runsOver(journal, leases, clock, REQUEST_SECONDS),
        channel: channelTo({ ...model.portal, execute }, clock, REQUEST_SECONDS),
        /** Frozen or dead: nothing comes of it any more, but what it sent stays sent. */
        stop() {
          stopped = true
          reachable = false
          memory.kill()
        },
        /** As everybody on its machine can see. */
        die() {
          this.stop()
          dead.add(name)
        },
        /** From now on it hears nothing of the database; the portal is still there. */
        cutOff() {
          reachable = false
          memory.kill()
        },
        answerReadsAfter(seconds: number) {
          readSeconds = seconds
        },
        expectSilentSince(at: number) {
          expect(sent.filter(request => request.at >= at)).toEqual([])
        }
      }
    },
    pass: (work: () => Promise<unknown>) => pass(clock, work),
    expectExact(companies: number, contacts: number) {
      const tags = [...model.companies.values(), ...model.contacts.values()].map(({ originId }) => originId)
      expect(new Set(tags).size).toBe(tags.length)
      expect([model.companies.size, model.contacts.size]).toEqual([companies, contacts])
    }
  }
}

type World = ReturnType<typeof createWorld>
type Process = ReturnType<World['startProcess']>

interface Story {
  /** As in createWorld. */
  readonly workAt: number
  readonly copies?: number
  /** Seconds that the first process takes to write. */
  readonly writeSeconds?: number
  /** What happens to the first process once the run is under way; until the second one looks. */
  readonly harm: (a: Process, clock: World['clock']) => Promise<void>
  /** Once the second one has taken the run over, at `takenAt`. */
  readonly taken?: (b: Process, takenAt: number) => Promise<void>
}

/** One process starts a run, something happens to it, and another one takes the run over: to the end, and exactly. */
const tell = async ({ workAt, copies = 1, writeSeconds = 0, harm, taken }: Story) => {
  const { clock, startProcess, pass, expectExact } = createWorld(workAt, copies)
  const [a, b] = [startProcess('a', { writeSeconds }), startProcess('b')]
  await pass(async () => {
    await a.runs.start(a.channel, companiesAndContacts(2, 2), nobody)
    await harm(a, clock)
    const takenAt = clock.now()
    await b.runs.recover(async () => b.channel)
    await taken?.(b, takenAt)
    expect(await toTheEnd(b.runs)).toMatchObject({ status: 'completed', percent: 100 })
    await clock.sleep(LATEST * 1000)
    a.expectSilentSince(takenAt)
  })
  expectExact(2, 2)
}

/** Then its lease has lapsed. */
const LAPSED_MS = 15_000

test('a run taken over from a process that froze while its request waited at the portal creates nothing twice', () =>
  tell({
    workAt: LATEST,
    async harm(a, clock) {
      await clock.sleep(1000)
      a.stop()
      await clock.sleep(LAPSED_MS)
    }
  }))

test('what a process had sent that is certainly dead is looked up when the portal can work on it no more: nobody waits for it', () =>
  tell({
    workAt: REQUEST_SECONDS,
    async harm(a, clock) {
      await clock.sleep(1000)
      a.die()
      await clock.sleep(1000)
    },
    async taken(b, takenAt) {
      expect(Date.parse((await waiting(b.runs)).waitingUntil)).toBe(takenAt + REQUEST_SECONDS * 1000)
    }
  }))

test('a run whose request left long after it was written down, from a process that died then, creates nothing twice', () =>
  tell({
    workAt: REQUEST_SECONDS - 1,
    writeSeconds: 100,
    async harm(a, clock) {
      await clock.sleep(102_000)
      a.stop()
      await clock.sleep(LAPSED_MS)
    }
  }))

test('a process that is cut off from the database looks nothing up and corrects nothing once another one drives the portal', () =>
  tell({
    workAt: 1,
    copies: 2,
    async harm(a, clock) {
      await clock.sleep(1000)
      a.cutOff()
      await clock.sleep(LAPSED_MS)
    }
  }))

test('what a process found before another one took over is not deleted after that', () =>
  tell({
    workAt: 1,
    copies: 2,
    async harm(a, clock) {
      const { waitingUntil } = await waiting(a.runs)
      a.answerReadsAfter(30)
      await clock.sleep(Date.parse(waitingUntil) - clock.now() + 100)
      a.cutOff()
      await clock.sleep(LAPSED_MS)
    }
  }))
