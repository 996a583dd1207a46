// What becomes of every command, read from the answers that real portals give to a batch.
// Must stay true: never more than the portal said: no result, no success; an empty error code is an error.
import { afterEach, describe, expect, test } from 'vitest'
import type { BatchReply, CommandOutcome } from '../../server/core/portal.ts'
import { batch, json, type RawPortal, startRawPortal } from './raw-portal.ts'

let raw: RawPortal | undefined
afterEach(async () => {
  await raw?.close()
  raw = undefined
})

const commands = ['c1', 'c2', 'c3'].map(key => ({ key, method: 'crm.company.add', params: {} }))

const replyTo = async (maps: Record<string, unknown>, halt = false, time?: object): Promise<BatchReply> => {
  raw = await startRawPortal(batch(maps, time))
  return raw.portal.execute(commands, { halt })
}

/** The outcome of a single command that failed with an error entry. */
const outcomeOf = async (entry: unknown): Promise<CommandOutcome | undefined> =>
  (await replyTo({ result: { c2: 1, c3: 1 }, result_error: { c1: entry } })).outcomes.get('c1')

const error = (code: unknown, text: unknown = '') => ({ error: code, error_description: text })

test('results, totals and times are read per command', async () => {
  const { outcomes, times, duration } = await replyTo({
    result: { c1: 5, c2: [{ ID: '1' }], c3: null },
    result_total: { c2: '120' },
    result_next: { c2: 50 },
    result_time: {
      c1: { duration: 0.25, operating: 0.5, operating_reset_at: 1721661068 },
      c2: { start: 1, duration: '1.5' },
      c3: 'garbage'
    }
  })
  expect(Object.fromEntries(outcomes)).toEqual({
    c1: { kind: 'ok', result: 5 },
    c2: { kind: 'ok', result: [{ ID: '1' }], total: 120, next: 50 },
    c3: { kind: 'ok', result: null }
  })
  const [c1, c2] = [times.get('c1'), times.get('c2')]
  expect(c1).toMatchObject({ operating: 0.5, operatingResetAt: 1721661068_000 })
  // What is told may be too long (seconds.test.ts), never too short.
  expect(c1?.duration).toBeLessThanOrEqual(0.25)
  expect(c2?.duration).toBeLessThanOrEqual(1.5)
  expect([times.size, duration]).toEqual([2, (c1?.duration ?? 0) + (c2?.duration ?? 0)])
})

const RESET = Date.parse('2026-03-01T12:05:00+03:00') / 1000
const WHOLE_SECOND = '2026-03-01T12:00:00+03:00'

test.each([
  ['the whole answer ended', { finish: RESET - 90.25 }, {}, 90.25],
  ['the whole answer ended, in whole seconds', { date_finish: WHOLE_SECOND }, {}, 300],
  ['the command ended', {}, { finish: RESET - 91 }, 91],
  ['the command ended, in whole seconds', {}, { date_finish: WHOLE_SECOND }, 300],
  ['nobody knows', { date_finish: 'yesterday', finish: 'soon' }, {}, undefined]
])('operating time comes back so long after %s, by the portal’s own clock', async (_when, outer, inner, expected) => {
  raw = await startRawPortal(
    json(200, {
      result: {
        result: { c1: 1, c2: 2, c3: 3 },
        result_time: { c1: { duration: 0.2, operating: 1, operating_reset_at: RESET, ...inner } }
      },
      time: { duration: 1, ...outer }
    })
  )
  const { times } = await raw.portal.execute(commands, { halt: false })
  expect(times.get('c1')?.operatingResetAt).toBe(RESET * 1000)
  expect(times.get('c1')?.operatingResetIn).toBe(expected)
})

test('an answer without the outer time, or with none at all, counts: its commands were executed', async () => {
  raw = await startRawPortal(
    json(200, {
      result: { result: { c1: 1, c2: 2, c3: 3 }, result_time: { c1: { duration: 0.2 }, c2: { duration: 0.3 } } }
    })
  )
  const { outcomes, duration, finishedAt } = await raw.portal.execute(commands, { halt: false })
  expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok'])
  expect(duration).toBeLessThanOrEqual(0.5)
  expect(finishedAt).toBeUndefined()
})

test("the end of the work is told by the portal's own clock, whose start may be a whole second", async () => {
  raw = await startRawPortal(
    batch({ result: { c1: 1 } }, { start: 1721660468, finish: 1721660468.75, duration: 0.25, processing: 0 })
  )
  expect(await raw.portal.execute(commands, { halt: false })).toMatchObject({ finishedAt: 1721660468_750 })
})

test('every map may come as an empty list', async () => {
  const { outcomes } = await replyTo({})
  expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'unknown'])
})

test('a result named like a member of every object is no result of a command', async () => {
  raw = await startRawPortal(batch({ result: { c1: 1 } }))
  const { outcomes } = await raw.portal.execute([{ key: 'constructor', method: 'profile', params: {} }], {
    halt: false
  })
  expect(outcomes.get('constructor')).toMatchObject({ kind: 'unknown' })
})

test('with halt, what stands behind an error was skipped, and what stands before it without a word is unknown', async () => {
  const { outcomes } = await replyTo({ result_error: { c2: error('', 'Access denied.') } }, true)
  expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['unknown', 'refused', 'skipped'])
})

test('without halt, a command without a word is unknown even behind an error', async () => {
  const { outcomes } = await replyTo({ result_error: { c1: error('', 'Access denied.') }, result: { c2: 4 } })
  expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['refused', 'ok', 'unknown'])
})

test('a command with both a result and an error is unknown', async () => {
  const { outcomes } = await replyTo({ result: { c1: 1, c2: 2, c3: 3 }, result_error: { c1: error('X') } })
  expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(['unknown', 'ok', 'ok'])
})

describe('an error entry', () => {
  test.each([
    ['an empty code', error('', 'Access denied.'), { code: '', message: 'Access denied.' }],
    ['no code and no text', error('', ''), { code: '', message: '' }],
    ['a numeric code', error(100, 'Nope'), { code: '100', message: 'Nope' }],
    ['a code of zero', error(0, null), { code: '0', message: '' }],
    ['only a text', 'Something', { code: '', message: 'Something' }],
    ['validation', error('ERROR_CORE', 'Неверный e-mail'), { code: 'ERROR_CORE', message: 'Неверный e-mail' }],
    [
      'rights to one record',
      error('ACCESS_DENIED', 'Access denied!'),
      { code: 'ACCESS_DENIED', message: 'Access denied!' }
    ]
  ])('with %s refuses its command only', async (_name, entry, expected) => {
    expect(await outcomeOf(entry)).toEqual({ kind: 'refused', ...expected })
  })

  test('has its text cut to 500 characters', async () => {
    expect(await outcomeOf(error('', 'x'.repeat(10_000)))).toEqual({
      kind: 'refused',
      code: '',
      message: 'x'.repeat(500)
    })
  })

  test.each(['OPERATION_TIME_LIMIT', 'QUERY_LIMIT_EXCEEDED'])('%s means: not applied, later', async code => {
    expect(await outcomeOf(error(code, 'Method is blocked'))).toEqual({ kind: 'limited', code })
  })

  test.each([
    ['insufficient_scope', '', 'crm'],
    ['ERROR_METHOD_NOT_FOUND', 'Method not found!', 'method'],
    ['PAYMENT_REQUIRED', 'Subscription has been ended', 'plan'],
    ['ACCESS_DENIED', 'REST is available only by subscription.', 'plan'],
    ['METHOD_CONFIRM_WAITING', 'Waiting for confirmation', 'confirm'],
    ['', 'Disk resource exhausted.', 'disk']
  ])('%s %s needs a person: nothing else of the run can succeed', async (code, text, hint) => {
    const outcome = await outcomeOf(error(code, text))
    expect(outcome).toMatchObject({ kind: 'blocked', message: expect.stringMatching(new RegExp(hint, 'i')) })
  })

  test.each([
    error('INTERNAL_SERVER_ERROR'),
    error('ERROR_UNEXPECTED_ANSWER', 'x'),
    error('ERROR_CORE', 'SQL query error!')
  ])('%j leaves open what was applied', async entry => {
    expect(await outcomeOf(entry)).toMatchObject({ kind: 'unknown', message: expect.stringMatching(/./) })
  })
})

test.each([
  ['none', []],
  ['51', Array.from({ length: 51 }, (_, index) => `c${index}`)],
  ['two with one key', ['c1', 'c1']],
  ['one whose key PHP would take for a place', ['0']]
])('%s of commands are no batch, and nothing is sent', async (_name, keys) => {
  raw = await startRawPortal(batch({}))
  const wrong = keys.map(key => ({ key, method: 'profile', params: {} }))
  await expect(raw.portal.execute(wrong, { halt: false })).rejects.toThrow(RangeError)
  expect(raw.received).toHaveLength(0)
})
