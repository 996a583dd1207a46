// What a run's state says in words.
// Must stay true: every status and every kind of waiting has its sentence in both languages.
import { expect, test } from 'vitest'
import en from '../../locales/en.json' with { type: 'json' }
import ru from '../../locales/ru.json' with { type: 'json' }
import { parseCount } from '../../placement/create-form.ts'
import { createMessages } from '../../placement/messages.ts'
import { begunText, leftText, outcomeOf, outcomeText, waitingText } from '../../placement/run-text.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'

const run = (change: Partial<RunSnapshot>): RunSnapshot => ({
  id: 'a',
  kind: 'create',
  status: 'completed',
  portal: 'portal.example',
  total: 42,
  done: 42,
  failed: 0,
  percent: 100,
  created: { companies: 21, contacts: 21 },
  deleted: { companies: 0, contacts: 0 },
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:01:00.000Z',
  startedBy: 'standalone',
  etaSeconds: null,
  waitingUntil: null,
  waitingFor: null,
  errors: [],
  failure: null,
  verified: false,
  unverified: null,
  copiesRemoved: 0,
  ...change
})
const russian = createMessages('ru')
const english = createMessages('en')

test('both languages have the same texts', () => {
  expect(Object.keys(en)).toEqual(Object.keys(ru))
})

test('counts agree with their nouns', () => {
  expect(outcomeText(run({}), russian)).toBe('Готово. Создано: 21\u00A0компания и 21\u00A0контакт.')
  expect(outcomeText(run({ kind: 'clear', deleted: { companies: 5, contacts: 2 } }), russian)).toBe(
    'Готово. Удалено: 5\u00A0компаний и 2\u00A0контакта.'
  )
  expect(outcomeText(run({ created: { companies: 1, contacts: 2 } }), english)).toBe(
    'Done. Created: 1\u00A0company and 2\u00A0contacts.'
  )
})

test('what nobody asked for is not counted, and nothing is not praised', () => {
  expect(outcomeText(run({ created: { companies: 0, contacts: 3 } }), russian)).toBe(
    'Готово. Создано: 3\u00A0контакта.'
  )
  expect(outcomeText(run({ failed: 42, created: { companies: 0, contacts: 0 } }), russian)).toBe(
    'Закончено, но ничего не получилось.'
  )
  expect([run({}), run({ failed: 3 }), run({ failed: 42 }), run({ status: 'cancelled' })].map(outcomeOf)).toEqual([
    'well',
    'partly',
    'badly',
    'stopped'
  ])
})

test('a failed run says why: in the page’s language where the code is known, else in the server’s words', () => {
  const failed = (code: string) => run({ status: 'failed', failure: { code, message: 'Server words.' } })
  expect(outcomeText(failed('PORTAL_DELETED'), russian)).toContain('Портал удалён')
  expect(outcomeText(failed('SOMETHING_NEW'), russian)).toContain('Server words.')
})

test('where not one record was made or deleted, none is counted', () => {
  const none = { companies: 0, contacts: 0 }
  const stopped = { status: 'cancelled', created: none, deleted: none } as const
  expect(outcomeText(run(stopped), russian)).toBe('Остановлено. Можно продолжить с того же места. Ничего не создано.')
  expect(outcomeText(run({ ...stopped, kind: 'clear' }), english)).toContain('Nothing was deleted.')
})

test('when it was started, and by whom where that is worth saying', () => {
  const startedAt = new Date(2026, 10, 27, 15, 4).toISOString() // in the time zone of whoever looks
  expect(begunText(run({ startedAt }), russian, null)).toBe('Начато 27 нояб. 2026 г., 15:04')
  expect(begunText(run({ startedAt }), english, 'Anna').replace(/\s/g, ' ')).toBe(
    'Started Nov 27, 2026, 3:04 PM by Anna'
  )
})

test('every ending has words, a running run has none', () => {
  for (const status of ['completed', 'cancelled', 'interrupted', 'failed'] as const) {
    const text = outcomeText(run({ status, failure: { code: 'X', message: 'why' } }), english)
    expect(text).not.toContain('page.')
    expect(text).toContain('Created')
  }
  expect(outcomeText(run({ status: 'running' }), english)).toBe('')
})

test('names the limit that a run waits for and the time', () => {
  const now = Date.parse('2026-01-01T12:00:00Z')
  const waiting = (waitingFor: string, seconds: number, stillMs = 0) =>
    waitingText(
      run({ status: 'running', waitingFor, waitingUntil: new Date(now + seconds * 1000).toISOString() }),
      russian,
      now,
      stillMs
    )
  expect(waiting('crm.company.add', 600)).toMatch(/^Bitrix24 ограничил метод crm\.company\.add до \d\d:\d\d$/)
  expect(waiting('portal', 8)).toMatch(/^Портал не отвечает, следующая попытка в \d\d:\d\d:\d\d$/)
  expect(waiting('reconciliation', 60)).toMatch(/^Не все ответы портала дошли/)
  const stored = run({ status: 'running', waitingFor: 'storage' })
  expect(waitingText(stored, russian, now, 0)).toMatch(/^Хранилище сервера сейчас не принимает записи/)
  expect(waitingText(stored, english, now, 0)).toMatch(/^The server’s storage takes nothing/)
  expect(waiting('requests', 30)).toMatch(/^Bitrix24 ограничил число запросов до/)
  // Half a second between two requests is no news, unless nothing moves.
  expect(waiting('requests', 0.5, 1500)).toBe('')
  expect(waiting('requests', 0.5, 3000)).toMatch(/^Bitrix24 ограничил число запросов до/)
})

test('time left is unknown at first', () => {
  expect(leftText(null, russian)).toBe('—')
  expect(leftText(4000, russian)).toBe('67\u00A0мин')
})

test('a missing text shows itself as its key', () => {
  expect(russian.t('page.nowhere')).toBe('page.nowhere')
})

test('a count is a whole number from 1 to 10 000, with or without blanks', () => {
  const counts = ['1', ' 100 ', '10 000', '10\u00A0000', '10000'].map(text => parseCount(text, 'ru'))
  expect(counts).toEqual([1, 100, 10_000, 10_000, 10_000])
  for (const text of ['', '0', '-1', '1.5', '1e3', '0x10', '10001', 'сто', '99999999999', '1,00', ',100', '1,0000']) {
    expect([parseCount(text, 'ru'), parseCount(text, 'en')]).toEqual([null, null])
  }
})

test('commas stand between thousands in English only', () => {
  expect([parseCount('10,000', 'en'), parseCount('1,000', 'en'), parseCount('1,000', 'ru')]).toEqual([
    10_000,
    1000,
    null
  ])
})
