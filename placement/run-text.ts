// What a run's state says in words.
// Must stay true: every status and every kind of waiting has a sentence that says what comes next.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { Messages } from './messages.ts'
import { timeLeft } from './pace-shown.ts'

/** Short pauses are made all the time: only longer ones are worth a word, and those during which nothing moves. */
const WORTH_A_WORD_MS = 2000
const SECONDS_MATTER_MS = 90_000

const counted = ({ kind, created, deleted }: RunSnapshot, { t }: Messages): string => {
  const rows = kind === 'create' ? created : deleted
  const some = rows.companies + rows.contacts > 0
  if (kind === 'create') return some ? t('page.run.created', { ...rows }) : t('page.run.noneCreated')
  return some ? t('page.run.deleted', { ...rows }) : t('page.run.noneDeleted')
}

/** How a run has ended, for the eye; `open` while it is running. */
export const outcomeOf = ({ status, failed, total }: RunSnapshot): 'open' | 'well' | 'partly' | 'badly' | 'stopped' => {
  if (status === 'running') return 'open'
  if (status === 'completed') return failed === 0 ? 'well' : failed < total ? 'partly' : 'badly'
  return status === 'failed' ? 'badly' : 'stopped'
}

/** What the count at the end says beyond that all is there. */
const checkedText = ({ status, unverified, copiesRemoved }: RunSnapshot, { t, problem }: Messages): string[] => [
  ...(copiesRemoved > 0 ? [t('page.run.copiesRemoved', { count: copiesRemoved })] : []),
  ...(status === 'completed' && unverified !== null
    ? [t('page.run.unverified', { reason: problem(unverified.code, unverified.message) })]
    : [])
]

/** How a run has ended; empty while it is running. */
export const outcomeText = (run: RunSnapshot, messages: Messages): string => {
  const { t, problem } = messages
  const said = (): string => {
    switch (run.status) {
      case 'running':
        return ''
      case 'completed':
        return t(run.failed > 0 ? 'page.run.completedWithFailures' : 'page.run.completed')
      case 'failed':
        return t('page.run.failedRun', { reason: problem(run.failure?.code ?? '', run.failure?.message ?? '') })
      default:
        return t(`page.run.${run.status}`)
    }
  }
  if (run.status === 'running') return ''
  if (run.status === 'completed' && outcomeOf(run) === 'badly') return t('page.run.nothingDone')
  return [said(), counted(run, messages), ...checkedText(run, messages)].join(' ')
}

/** When a run was started, in this person's time zone. @param name who did, where it is worth saying */
export const begunText = ({ startedAt }: RunSnapshot, { t, lang }: Messages, name: string | null): string => {
  const when = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(startedAt))
  return name === null ? t('page.run.begun', { when }) : t('page.run.begunBy', { when, name })
}

/** What a run waits for and until when (our own storage: nobody knows until when); empty when it does not. @param now unix ms @param stillMs for how long no row has been settled */
export const waitingText = (
  { status, waitingFor, waitingUntil }: Pick<RunSnapshot, 'status' | 'waitingFor' | 'waitingUntil'>,
  { t, lang }: Messages,
  now: number,
  stillMs: number
): string => {
  if (status === 'running' && waitingFor === 'storage') return t('page.run.waiting.storage')
  if (status !== 'running' || waitingFor === null || waitingUntil === null) return ''
  const until = new Date(waitingUntil)
  const ahead = until.getTime() - now
  const passing = waitingFor === 'requests' || waitingFor === 'portal'
  if (passing && ahead < WORTH_A_WORD_MS && stillMs < WORTH_A_WORD_MS) return ''
  const time = new Intl.DateTimeFormat(lang, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(ahead < SECONDS_MATTER_MS ? { second: '2-digit' } : {})
  }).format(until)
  const known = waitingFor === 'requests' || waitingFor === 'portal' || waitingFor === 'reconciliation'
  return t(`page.run.waiting.${known ? waitingFor : 'method'}`, { time, method: waitingFor })
}

/** Time left in words. @param seconds null while unknown */
export const leftText = (seconds: number | null, { t }: Messages): string => {
  if (seconds === null) return t('page.run.unknown')
  const { unit, ...values } = timeLeft(seconds)
  return t(`page.run.${unit}`, values)
}
